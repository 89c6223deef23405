// CSV and TSV as the program reads them: every value is what stands in the file, or the file is refused with its line.

// As lightune/data/columns.py has them.
const TEXT_NAMES = [
  "text", "review", "review_text", "review_body", "sentence", "content", "comment", "message", "body", "tweet",
  "document", "article", "utterance", "query", "question", "abstract", "description", "input",
];
const LABEL_NAMES = [
  "label", "labels", "sentiment", "class", "category", "target", "stars", "rating", "intent", "emotion", "topic",
  "polarity", "output",
];
const PAIRS = [["sentence1", "sentence2"], ["premise", "hypothesis"], ["question1", "question2"], ["text1", "text2"]];
const LONG = 20;
const VARIED = 0.5;
const MOST_BYTES = 100 * 2 ** 20;

/** A file that cannot be read, in a sentence. */
export class Unreadable extends Error {}

/** Read a File with a header row: {header: [name, …], rows: [[value, …], …]}. Throws Unreadable. */
export async function readFile(file) {
  const ending = /\.[^.]*$/.exec(file.name.toLowerCase())?.[0] ?? "";
  if (ending !== ".csv" && ending !== ".tsv") {
    throw new Unreadable(`${file.name}: a file that ends in .csv or .tsv is expected. For others there is lightune predict --input.`);
  }
  if (file.size > MOST_BYTES) {
    throw new Unreadable(`${file.name} is larger than 100 MB: use lightune predict --input, which is made for that.`);
  }
  return parse(file.name, decoded(file.name, await file.arrayBuffer()), ending === ".csv" ? "," : "\t");
}

function decoded(name, bytes) {
  try {
    const text = new TextDecoder("utf-8", {fatal: true}).decode(bytes);
    if (!text.includes("\0")) return text;
  } catch {
    // Said below.
  }
  throw new Unreadable(`${name} is not text in UTF-8. Save it as CSV in UTF-8.`);
}

/** Parse the text of a file by RFC 4180. Blank lines are skipped, but in a table of one column they are empty values. */
export function parse(name, text, delimiter) {
  try {
    return table(name, text, delimiter, true);
  } catch (error) {
    // Many TSV files hold bare quotes; where quoting makes no sense of the file, its quotes are plain characters.
    if (delimiter === "\t" && error.quoting) return table(name, text, delimiter, false);
    throw error;
  }
}

function table(name, text, delimiter, quoted) {
  const [first, ...others] = rowsOf(name, text, delimiter, quoted);
  if (!first) throw new Unreadable(`${name} is empty: a header row and at least one row are expected.`);
  const header = first.values.map((title, index) => title || `unnamed_${index + 1}`);
  const doubled = header.find((title, index) => header.indexOf(title) < index);
  if (doubled !== undefined) throw new Unreadable(`${name} has more than one column named “${doubled}”.`);
  const kept = header.length === 1 ? others : others.filter((row) => !row.blank);
  while (header.length === 1 && kept.at(-1)?.blank) kept.pop();
  if (!kept.length) throw new Unreadable(`${name} has a header but no rows below it.`);
  const ragged = kept.find((row) => row.values.length !== header.length);
  if (ragged) {
    throw new Unreadable(`${name}, line ${ragged.line}: ${ragged.values.length} values where the header names ${header.length} columns.`);
  }
  return {header, rows: kept.map((row) => row.values)};
}

function rowsOf(name, text, delimiter, quoted) {
  const rows = [];
  const bare = delimiter === "," ? /[^,\r\n]*/y : /[^\t\r\n]*/y;
  let at = 0;
  let line = 1;
  while (at < text.length) {
    const row = {values: [], line, blank: text[at] === "\r" || text[at] === "\n"};
    for (;;) {
      if (quoted && text[at] === '"') {
        const end = closing(text, at);
        if (end < 0) throw malformed(`${name}: the quote that opens on line ${line} is never closed.`);
        const value = text.slice(at + 1, end);
        row.values.push(value.replaceAll('""', '"'));
        line += breaks(value);
        at = end + 1;
        if (at < text.length && !`${delimiter}\r\n`.includes(text[at])) {
          throw malformed(`${name}: line ${line} has text after a closing quote. A quote inside a value is doubled ("").`);
        }
      } else {
        bare.lastIndex = at;
        const [value] = bare.exec(text);
        row.values.push(value);
        at += value.length;
      }
      if (text[at] !== delimiter) break;
      at += 1;
    }
    at += text.startsWith("\r\n", at) ? 2 : 1;
    line += 1;
    if (!row.blank || rows.length) rows.push(row);
  }
  return rows;
}

function closing(text, opening) {
  for (let at = text.indexOf('"', opening + 1); at >= 0; at = text.indexOf('"', at + 2)) {
    if (text[at + 1] !== '"') return at;
  }
  return -1;
}

const breaks = (value) => value.match(/\r\n|\r|\n/g)?.length ?? 0;

const malformed = (message) => Object.assign(new Unreadable(message), {quoting: true});

/** Which column holds the texts, by its index, as the program finds it; null where none or several could be meant. */
export function findTextColumn({header, rows}) {
  if (header.length === 1) return 0;
  const lower = header.map((name) => name.toLowerCase());
  if (PAIRS.some((pair) => pair.every((name) => lower.includes(name)))) return null;
  const first = indices(lower, (name) => name === TEXT_NAMES[0]);
  const known = first.length ? first : indices(lower, (name) => TEXT_NAMES.includes(name));
  const others = indices(lower, (name) => !LABEL_NAMES.includes(name));
  const found = known.length ? known : others.filter((index) => isProse(rows.map((row) => row[index])));
  return found.length === 1 ? found[0] : null;
}

const indices = (names, fits) => names.flatMap((name, index) => (fits(name) ? [index] : []));

function isProse(column) {
  const values = column.filter((value) => value);
  let characters = 0;
  for (const value of values) for (const _ of value) characters += 1;
  const long = characters >= LONG * Math.max(values.length, 1);
  return values.length > 0 && long && new Set(values).size >= VARIED * values.length;
}

/** A table as CSV. A cell that a spreadsheet would take for a formula gets an apostrophe before it. */
export function write({header, rows}) {
  return [header, ...rows].map((row) => `${row.map((value) => quotedCell(harmless(value))).join(",")}\n`).join("");
}

function harmless(value) {
  const formula = /^[=+\-@\t\r\n＝＋－＠]/.test(value) && !/^[+-]?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(value);
  return formula ? `'${value}` : value;
}

const quotedCell = (value) => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
