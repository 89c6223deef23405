// What stands in the answers: order, change, and a table of it all.

// Those whose answer is the model's after a training.
const TRAINED = ["adapter", "delta", "model"];

/** The probabilities [[label, share], …], the answered label first, then downwards. */
export function ranked(answer) {
  // Names that look like numbers lose their order in an object.
  const first = ([label]) => (label === answer.label ? 1 : 0);
  return Object.entries(answer.probabilities).sort((a, b) => first(b) - first(a) || b[1] - a[1]);
}

/** The arm that others are compared with: the model before fine-tuning where it is among them, else the first. */
export function usualBefore(models) {
  return (models.find((model) => model.arm === "pretrained") ?? models[0]).name;
}

/** The word over an arm's answers: before, after, or none where it is neither. */
export function side(model) {
  if (model.arm === "pretrained") return "before";
  return TRAINED.includes(model.kind) ? "after" : null;
}

/** Whether an arm gives this text another label than `before` does. */
export function turned(answer, name, before) {
  return Boolean(answer.by) && answer.by[name].label !== answer.by[before].label;
}

/** Whether any arm does. */
export function changed(answer, models, before) {
  return models.some((name) => turned(answer, name, before));
}

/** How much more probable an arm finds its label than `before` found that label; null where it has no such label. */
export function surer(answer, name, before) {
  const {label, score} = answer.by[name];
  const {probabilities} = answer.by[before];
  return Object.hasOwn(probabilities, label) ? score - probabilities[label] : null;
}

/** Header and rows for a file: the columns that were there, then each arm's label, score and probabilities. source:
 * {header, rows}. Rows that are not answered are left out. */
export function asTable(source, asking, hosted, before) {
  const added = asking.models.flatMap((name) => [`${name}_label`, `${name}_score`, ...labelsOf(hosted, name).map((label) => `${name}_p_${label}`)]);
  const compares = asking.models.length > 1;
  const header = [...source.header];
  for (const name of compares ? [...added, "changed"] : added) header.push(free(name, header));
  const rows = asking.answers.map((answer, index) => {
    const cells = asking.models.flatMap((name) => cellsOf(answer, name, labelsOf(hosted, name)));
    if (compares) cells.push(answer.by ? (changed(answer, asking.models, before) ? "yes" : "no") : "");
    return [...source.rows[index], ...cells];
  });
  return {header, rows};
}

const labelsOf = (hosted, name) => hosted.find((model) => model.name === name).labels;

function cellsOf(answer, name, labels) {
  if (!answer.by) return ["", "", ...labels.map(() => "")];
  const {label, score, probabilities} = answer.by[name];
  return [label, String(score), ...labels.map((one) => String(probabilities[one]))];
}

function free(name, taken) {
  while (taken.includes(name)) name = `predicted_${name}`;
  return name;
}
