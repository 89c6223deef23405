// Which words mattered to an arm's answer, in the text, in a sentence and in a table.

import {Refusal, patiently} from "./api.js";
import {element, named} from "./dom.js";
import {beginning, percent, points} from "./format.js";

// Less than this, in shares, is nothing that one would want to look at.
const SLIGHT = 0.005;
// A piece is marked from this part of the strongest one's change.
const MARKED = 0.1;
// A text of more pieces than this may have several words in each.
const MANY = 40;
const NAMED = 3;
const NAMED_CHARACTERS = 40;

/** A section that asks at once and shows what comes. model: the hosted arm; answer: its answer for `text`. */
export function explanation(api, text, model, answer) {
  const title = element("h3", {}, "Which words mattered to ", named(model.name), ", by occlusion");
  const body = element("div", {"aria-live": "polite"});
  const choice = element("select", {}, ...model.labels.map((label) => element("option", {value: label, selected: label === answer.label}, label)));
  const ask = () => fill(api, body, model, {text, model: model.name, label: choice.value});
  choice.addEventListener("change", ask);
  ask();
  const chooser = element("p", {class: "row"}, element("label", {}, "For the label ", choice));
  return element("section", {class: "why", "aria-label": `Which words mattered to ${model.name}`}, title, chooser, body);
}

async function fill(api, body, model, question) {
  const asked = (body.asked = {});
  const show = (...nodes) => body.asked === asked && body.replaceChildren(...nodes);
  show(element("p", {class: "hint"}, "Leaving out each word once …"));
  try {
    const onWait = (left) => show(element("p", {class: "hint"}, `The server is busy. Asking again in ${left} s.`));
    const said = await patiently(() => api.explain(question), onWait);
    show(...shown(said, model));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const again = element("button", {type: "button"}, "Try again");
    again.addEventListener("click", () => fill(api, body, model, question));
    show(element("p", {class: "fault"}, error.message, " "), again);
  }
}

function shown({label, score, pieces}, model) {
  const strongest = Math.max(...pieces.map((piece) => Math.abs(piece.change)), 0);
  const lead = element("p", {}, element("strong", {}, named(label)), ` is at ${percent(score)}. `);
  if (!pieces.length) return [lead, element("p", {}, "The text is empty: there is no word to leave out.")];
  if (strongest < SLIGHT) lead.append("No word moves that by half a point when it alone is left out.");
  else lead.append(...strongestWords(pieces, label));
  return [lead, passage(pieces, strongest), legend(label, pieces, model), asTable(pieces)];
}

function strongestWords(pieces, label) {
  const sentence = (lead, chosen) => {
    if (!chosen.length) return [];
    const words = chosen.slice(0, NAMED).flatMap((piece, index) => [
      index ? ", " : "",
      element("q", {dir: "auto"}, beginning(piece.text.trim(), NAMED_CHARACTERS)),
      ` (${points(piece.change)})`,
    ]);
    return [lead, named(label), ": ", ...words, ". "];
  };
  const ordered = [...pieces].sort((a, b) => b.change - a.change);
  const ahead = ordered.filter((piece) => piece.change >= SLIGHT);
  const behind = ordered.filter((piece) => piece.change <= -SLIGHT).reverse();
  return [...sentence("Most for ", ahead), ...sentence("Most against ", behind)];
}

function passage(pieces, strongest) {
  const spans = pieces.map(({text, change}) => {
    if (Math.abs(change) < Math.max(SLIGHT, MARKED * strongest)) return text;
    const words = text.trimEnd();
    const mark = element("span", {class: change > 0 ? "piece for" : "piece against"}, words, element("sup", {}, points(change)));
    mark.style.setProperty("--strength", String(Math.abs(change) / strongest));
    return [mark, text.slice(words.length)];
  });
  // One that is scrolled must be reached by the keyboard.
  const scrolled = pieces.length > MANY ? {tabindex: "0", role: "region", "aria-label": "The text with its marked words"} : {};
  return element("div", {class: "passage", dir: "auto", ...scrolled}, ...spans.flat());
}

const inRuns = (pieces) => pieces.length > MANY && pieces.some((piece) => /\S\s+\S/.test(piece.text));

function legend(label, pieces, model) {
  return element(
    "p",
    {class: "hint"},
    element("span", {class: "piece for"}, "Underlined, +"),
    " speaks for ",
    named(label),
    "; ",
    element("span", {class: "piece against"}, "dashed, \u2212"),
    " against it. The number is how many points its probability falls (+) or rises (\u2212) when these words are left out.",
    inRuns(pieces) ? " In a text this long neighbouring words are left out together." : "",
    inRuns(pieces) && model.max_length !== null ? ` The model reads ${model.max_length} tokens: words beyond them change nothing, and leaving out earlier ones lets later ones in.` : "",
  );
}

function asTable(pieces) {
  const rows = pieces.map(({text, change}) =>
    element("tr", {}, element("th", {scope: "row", dir: "auto"}, text.trim() || "(white space)"), element("td", {}, points(change))),
  );
  const head = element("tr", {}, element("th", {scope: "col"}, "Words"), element("th", {scope: "col"}, "Points"));
  const table = element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows));
  return element("details", {}, element("summary", {}, "All of them in a table"), table);
}
