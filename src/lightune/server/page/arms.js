// Which arms answer.

import {byId, element, named} from "./dom.js";

const MOST = 8;
// What an arm is, by the kind of what it saved.
const KINDS = {
  adapter: "fine-tuned: an adapter and the head",
  base: "the model before fine-tuning; without a head of its own it guesses",
  delta: "fine-tuned: biases and the head",
  majority: "always the commonest label",
  model: "fine-tuned: every weight",
  onnx: "an exported graph",
  plugin: "an arm of another package",
  probe: "logistic regression on the model's features",
  stock: "not made by lightune",
  tfidf: "counts words; no pre-trained model",
  "zero-shot": "the model's own answer to a prompt",
};

/** Offer the hosted arms; chosen are those that were, at first those that answer by default. onChange hears of another choice. */
export function offer({models, defaults}, onChange) {
  const before = chosen();
  const start = before.length ? before : defaults;
  const studies = new Set(models.map((model) => model.study));
  const groups = [...studies].flatMap((study) => {
    const own = models.filter((model) => model.study === study).map((model) => choice(model, start.includes(model.name)));
    return studies.size > 1 ? [element("h3", {}, named(study)), ...own] : own;
  });
  byId("arms").replaceChildren(byId("arms").firstElementChild, ...groups);
  byId("arms").onchange = () => {
    bound();
    onChange();
  };
  bound();
}

/** The names of the chosen arms, in the server's order. */
export const chosen = () => boxes().flatMap((box) => (box.checked ? [box.value] : []));

const boxes = () => [...byId("arms").querySelectorAll("input")];

/** Close what goes beyond the most that may be asked at once, and only that. */
export function bound() {
  const full = chosen().length >= MOST;
  for (const box of boxes()) box.disabled = full && !box.checked;
}

function choice(model, checked) {
  const facts = [KINDS[model.kind] ?? model.kind];
  if (!model.verified && model.kind !== "stock") facts.push("unverified");
  if (model.max_length !== null) facts.push(`reads ${model.max_length} tokens`);
  const box = element("input", {type: "checkbox", value: model.name, checked});
  return element("label", {}, box, element("span", {}, named(model.name), element("small", {}, facts.join("; "))));
}
