// Elements made by hand. Whatever a user, a file or the server says becomes a text node or an attribute's value, never
// markup.

/** The element with that id. */
export const byId = (id) => document.getElementById(id);

/** Make an element. attributes: as setAttribute takes them, those that are null or false left out, true alone without a
 * value. children: nodes, or strings that become text. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** A name that somebody gave: shown as it is, whatever its direction. Where it is too long it breaks behind its signs. */
export function named(name) {
  const parts = name.match(/[^_/.:-]*[_/.:-]*/g);
  return element("bdi", {}, ...parts.flatMap((part, index) => (index && part ? [element("wbr"), part] : [part])));
}

/** Show `text` in an element that is there all the time, so that screen readers hear of it; null empties it. */
export function say(target, text) {
  target.textContent = text ?? "";
}
