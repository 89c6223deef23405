// Numbers as people read them, as the report writes them.

const SPACE = "\u00a0";
const MINUS = "\u2212";

/** A share: 0.813 -> "81.3 %". What is not quite nothing or all does not look like it. */
export function percent(share) {
  const text = (share * 100).toFixed(1);
  if (share < 1 && text === "100.0") return `>${SPACE}99.9${SPACE}%`;
  if (share > 0 && text === "0.0") return `<${SPACE}0.1${SPACE}%`;
  return `${text}${SPACE}%`;
}

/** A difference of shares in percentage points, with its sign: 0.31 -> "+31.0"; nothing before a zero. */
export function points(difference) {
  const text = Math.abs(difference * 100).toFixed(1);
  if (Number(text) === 0) return text;
  return (difference < 0 ? MINUS : "+") + text;
}

/** A whole number: 25000 -> "25,000". */
export const whole = (number) => number.toLocaleString("en");

/** How many of something: "1 text", "3 texts". */
export const count = (number, one, many = `${one}s`) => `${whole(number)} ${number === 1 ? one : many}`;

/** The first characters of a text, none cut in half. */
export function beginning(text, most) {
  if (text.length <= most) return text;
  const end = /[\ud800-\udbff]/.test(text[most - 1]) ? most - 1 : most;
  return `${text.slice(0, end).trimEnd()}…`;
}
