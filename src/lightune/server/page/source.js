// Where texts come from: typed lines, one typed text, or a file's column.

import {Unreadable, findTextColumn, readFile} from "./csv.js";
import {byId, element, named, say} from "./dom.js";
import {beginning, count} from "./format.js";

const HINTS = {
  lines: "Empty lines are left out. Ctrl + Enter asks.",
  whole: "Line breaks belong to the text. Ctrl + Enter asks.",
};
const PLACEHOLDERS = {
  lines: "Type or paste texts here, each on a line of its own, or drop a CSV file.",
  whole: "Type or paste one text here, or drop a CSV file.",
};
const SHOWN = 3;
const SHOWN_CHARACTERS = 160;
const OPTION_CHARACTERS = 40;

export class Source {
  #file = null;
  #onChange;

  /** onChange hears whenever other texts would be asked. */
  constructor(onChange) {
    this.#onChange = onChange;
    for (const choice of document.getElementsByName("how")) choice.addEventListener("change", () => this.#choose());
    byId("texts").addEventListener("input", onChange);
    byId("column").addEventListener("change", () => this.#showRows());
    byId("file").addEventListener("change", () => this.#read(byId("file").files[0]));
    // Wherever it falls: a file that the page does not take would be opened instead of it.
    this.#takeDrops(document.body);
    this.#choose();
  }

  get #how() {
    return document.querySelector("input[name=how]:checked").value;
  }

  /** What to ask, {texts, table: {header, rows}}: a row a text. Without texts, {missing: "what to do"}. */
  get asked() {
    if (this.#how === "file") return this.#fromFile();
    const typed = byId("texts").value;
    const texts = (this.#how === "whole" ? [typed] : typed.split("\n")).filter((text) => text.trim());
    if (!texts.length) return {missing: "Type or paste a text first."};
    return {texts, table: {header: ["text"], rows: texts.map((text) => [text])}};
  }

  #fromFile() {
    if (!this.#file) return {missing: "Choose a file first."};
    if (byId("column").value === "") return {missing: "Choose the column that holds the texts."};
    const column = Number(byId("column").value);
    return {texts: this.#file.rows.map((row) => row[column]), table: this.#file};
  }

  #choose() {
    byId("typed").hidden = this.#how === "file";
    byId("dropped").hidden = this.#how !== "file";
    say(byId("typed-hint"), HINTS[this.#how]);
    byId("texts").placeholder = PLACEHOLDERS[this.#how] ?? "";
    this.#onChange();
  }

  #takeDrops(target) {
    const holdsFile = (event) => event.dataTransfer?.types.includes("Files");
    target.addEventListener("dragover", (event) => {
      if (!holdsFile(event)) return;
      event.preventDefault();
      target.classList.add("over");
    });
    target.addEventListener("dragleave", () => target.classList.remove("over"));
    target.addEventListener("drop", (event) => {
      target.classList.remove("over");
      if (!holdsFile(event)) return;
      event.preventDefault();
      if (byId("stop").hidden) this.#read(event.dataTransfer.files[0]);
    });
  }

  async #read(file) {
    if (!file) return;
    document.querySelector("input[name=how][value=file]").checked = true;
    this.#file = null;
    say(byId("file-fault"), null);
    byId("file-shown").hidden = true;
    this.#choose();
    try {
      this.#file = await readFile(file);
    } catch (error) {
      // What a browser throws for a file that is gone or may not be read.
      if (!(error instanceof Unreadable || error instanceof DOMException)) throw error;
      say(byId("file-fault"), error instanceof Unreadable ? error.message : `${file.name} cannot be read.`);
      return;
    } finally {
      // The same file, mended, can then be chosen again.
      byId("file").value = "";
    }
    this.#show(file.name);
  }

  #show(name) {
    const {header, rows} = this.#file;
    const found = findTextColumn(this.#file);
    const option = (title, value) => element("option", {value, selected: value === (found ?? "")}, title);
    byId("column").replaceChildren(
      ...(found === null ? [option("choose one", "")] : []),
      ...header.map((title, index) => option(beginning(title, OPTION_CHARACTERS), index)),
    );
    byId("file-facts").replaceChildren(
      element("strong", {}, named(name)),
      `: ${count(rows.length, "row")}. `,
      found === null ? "Several columns could hold the texts, or none: choose one." : "",
    );
    byId("file-shown").hidden = false;
    this.#showRows();
    if (found === null) byId("column").focus();
  }

  #showRows() {
    const {texts = []} = this.#fromFile();
    const shown = texts.slice(0, SHOWN).map((text) => element("li", {dir: "auto"}, beginning(text, SHOWN_CHARACTERS)));
    byId("file-rows").replaceChildren(...shown);
    this.#onChange();
  }
}
