// The table of answers: a row a text, a column an arm, what changed, and the explanations below a row.

import {changed, ranked, side, surer, turned, usualBefore} from "./answers.js";
import {byId, element, named} from "./dom.js";
import {explanation} from "./explain.js";
import {beginning, count, percent} from "./format.js";

const ROWS = 50;
// Of the column of texts, and of an arm's.
const WIDTHS = [15, 12.5];
const CHARACTERS = 280;
// Labels that an answer shows before the rest is folded.
const LABELS = 3;
// A probability that moved by less has not moved.
const STEADY = 0.0005;

export class Results {
  #api;
  #asking = null;
  #given = [];
  // The same, the one that others are compared with first.
  #models = [];
  #shown = ROWS;
  #rows = new Map();

  constructor(api) {
    this.#api = api;
    byId("before").addEventListener("change", () => this.#afresh());
    byId("changed").addEventListener("change", () => this.#again());
    byId("more-button").addEventListener("click", () => {
      this.#shown += ROWS;
      this.update();
    });
  }

  /** The arm that the others are compared with. */
  get before() {
    return byId("before").value;
  }

  /** How many texts have another label than before, from whichever arm. */
  get changes() {
    return this.#asking.answers.filter((answer) => changed(answer, this.#asking.models, this.before)).length;
  }

  /** Show the answers of `asking` from now on. models: the hosted arms that it asks, in order. */
  start(asking, models) {
    this.#asking = asking;
    this.#given = models;
    const usual = usualBefore(models);
    byId("before").replaceChildren(...models.map(({name}) => element("option", {value: name, selected: name === usual}, name)));
    byId("before-label").hidden = byId("changed-label").hidden = models.length < 2;
    byId("changed").checked = false;
    this.#afresh();
  }

  /** Take in what was answered since. */
  update() {
    byId("results").hidden = !this.#asking.done;
    byId("save").disabled = !this.#asking.done;
    this.#summarise();
    const body = byId("rows");
    const chosen = this.#chosen();
    const visible = chosen.slice(0, this.#shown);
    for (const index of visible) {
      if (!this.#rows.has(index)) this.#rows.set(index, this.#row(index));
      const row = this.#rows.get(index);
      if (!row.isConnected) body.append(row, ...(row.below ?? []));
    }
    byId("more").hidden = visible.length === chosen.length;
    byId("more-words").textContent = `${count(visible.length, "row")} of ${count(chosen.length, "row")} shown; the file has all. `;
  }

  #afresh() {
    this.#rows.clear();
    const isBefore = (model) => model.name === this.before;
    this.#models = [...this.#given.filter(isBefore), ...this.#given.filter((model) => !isBefore(model))];
    byId("heads").replaceChildren(element("th", {scope: "col", role: "columnheader"}, "Text"), ...this.#models.map((model) => this.#head(model)));
    byId("answers").style.setProperty("--least", `${WIDTHS[0] + WIDTHS[1] * this.#models.length}rem`);
    this.#again();
  }

  #again() {
    this.#shown = ROWS;
    byId("rows").replaceChildren();
    this.update();
  }

  #chosen() {
    const all = [...this.#asking.answers.keys()];
    return byId("changed").checked ? all.filter((index) => this.#isChanged(index)) : all;
  }

  #isChanged(index) {
    return changed(this.#asking.answers[index], this.#asking.models, this.before);
  }

  #summarise() {
    const {answers, models, done} = this.#asking;
    const lines = models
      .filter((name) => name !== this.before)
      .map((name) => {
        const many = answers.filter((answer) => turned(answer, name, this.before)).length;
        const verb = many > 1 ? "get" : "gets";
        return element("p", {class: "lead"}, `${many ? count(many, "text") : "No text"} of ${done} ${verb} another label from `, named(name), " than from ", named(this.before), ".");
      });
    const silent = answers.filter((answer) => answer.fault).length;
    if (silent) lines.push(element("p", {class: "fault"}, `${count(silent, "text")} could not be asked; the ${silent === 1 ? "row says" : "rows say"} why.`));
    byId("summary").replaceChildren(...lines);
    byId("changed-words").textContent = `Only rows whose label changed (${this.changes})`;
    byId("changed").disabled = !this.changes && !byId("changed").checked;
  }

  #head(model) {
    return element("th", {scope: "col", role: "columnheader"}, ...this.#title(model));
  }

  #title(model) {
    const word = side(model);
    return [word && element("small", {}, word), named(model.name)];
  }

  #row(index) {
    const answer = this.#asking.answers[index];
    const text = this.#asking.texts[index];
    const head = element("th", {scope: "row", role: "rowheader"}, element("span", {class: "number"}, String(index + 1)), ...quoted(text));
    const row = element("tr", {role: "row", class: this.#isChanged(index) ? "changed" : null}, head);
    if (answer.fault) {
      row.append(element("td", {role: "cell", colspan: this.#models.length, class: "fault"}, answer.fault));
      return row;
    }
    row.append(...this.#models.map((model) => this.#cell(row, text, model, answer)));
    return row;
  }

  #cell(row, text, model, answer) {
    const own = answer.by[model.name];
    const turn = model.name === this.before ? null : this.#turn(answer, model.name);
    const why = element("button", {type: "button", class: "plain", "aria-expanded": "false"}, "Which words?", element("span", {class: "hidden"}, ` Text ${row.firstChild.firstChild.textContent}, ${model.name}`));
    why.addEventListener("click", () => this.#toggle(row, why, text, model, own));
    return element("td", {role: "cell"}, element("p", {class: "arm", "aria-hidden": "true"}, ...this.#title(model)), ...shares(own), turn, why);
  }

  #turn(answer, name) {
    const old = answer.by[this.before].label;
    if (turned(answer, name, this.before)) return element("p", {class: "turn"}, "changed from ", named(old));
    const more = surer(answer, name, this.before);
    if (more === null || Math.abs(more) < STEADY) return element("p", {class: "hint"}, "as before");
    const size = (Math.abs(more) * 100).toFixed(1);
    return element("p", {class: "hint"}, `${size} points ${more > 0 ? "surer" : "less sure"}`);
  }

  #toggle(row, button, text, model, answer) {
    const open = button.getAttribute("aria-expanded") === "true";
    button.setAttribute("aria-expanded", String(!open));
    row.below ??= [];
    if (open) {
      row.below.find((one) => one.model === model).remove();
      row.below = row.below.filter((one) => one.model !== model);
      return;
    }
    const cell = element("td", {role: "cell", colspan: this.#models.length + 1}, explanation(this.#api, text, model, answer));
    const below = Object.assign(element("tr", {role: "row", class: "below"}, cell), {model});
    (row.below.at(-1) ?? row).after(below);
    row.below.push(below);
  }
}

function quoted(text) {
  const start = beginning(text, CHARACTERS);
  const shown = element("span", {class: "text", dir: "auto"}, start || "(an empty text)");
  if (start === text) return [shown];
  const button = element("button", {type: "button", class: "plain", "aria-expanded": "false"}, "Show all of it");
  button.addEventListener("click", () => {
    const open = button.getAttribute("aria-expanded") === "true";
    button.setAttribute("aria-expanded", String(!open));
    button.textContent = open ? "Show all of it" : "Show less";
    shown.textContent = open ? start : text;
  });
  return [shown, button];
}

function shares(answer) {
  const all = ranked(answer);
  const item = ([label, share]) => {
    const bar = element("span", {class: "bar", "aria-hidden": "true"}, element("span"));
    bar.firstChild.style.width = `${share * 100}%`;
    return element("li", {}, named(label), " ", bar, element("span", {class: "share"}, percent(share)));
  };
  const list = element("ol", {class: "shares"}, ...all.slice(0, LABELS).map(item));
  if (all.length <= LABELS) return [list];
  const rest = element("ol", {class: "shares"});
  const folded = element("details", {}, element("summary", {}, `${all.length - LABELS} more`), rest);
  folded.addEventListener("toggle", () => rest.childElementCount || rest.append(...all.slice(LABELS).map(item)));
  return [list, folded];
}
