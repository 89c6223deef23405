// The page's course: which arms there are, what is asked, and what to do when the server refuses.

import {asTable} from "./answers.js";
import {Api, Refusal} from "./api.js";
import {bound, chosen, offer} from "./arms.js";
import {Asking} from "./asking.js";
import {write} from "./csv.js";
import {byId, element, named, say} from "./dom.js";
import {count, whole} from "./format.js";
import {Results} from "./results.js";
import {Source} from "./source.js";

const api = new Api();
const results = new Results(api);
let source = null;
let server = null;
let asking = null;
let table = null;
// What had the keyboard before the stop button took it.
let held = null;

async function open() {
  byId("unready").replaceChildren();
  try {
    server = await api.models();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (error.status === 401) lock(api.locked ? "The server did not accept this key." : null);
    else unready(error);
    return;
  }
  const locked = !byId("unlock").hidden;
  byId("unlock").hidden = true;
  byId("ask").hidden = false;
  offer(server, ready);
  introduce();
  source ??= new Source(ready);
  ready();
  if (locked) byId("texts").focus();
}

function introduce() {
  const studies = [...new Map(server.models.map((model) => [model.study, model.report]))];
  const names = studies.map(([study]) => study).join(", ");
  byId("studies").replaceChildren(": ", named(names));
  document.title = `${names} – lightune`;
  const links = studies.filter(([, report]) => report !== null).map(([study, report]) => element("li", {}, reportLink(study, report, studies.length)));
  const list = byId("links").firstElementChild;
  list.replaceChildren(...links, list.lastElementChild);
}

function reportLink(study, report, many) {
  const words = many > 1 ? ["The report of ", named(study)] : ["The study's report"];
  // In a tab of its own, or what was typed and answered here would be gone.
  const link = element("a", {href: report, target: "_blank"}, ...words, element("span", {class: "hidden"}, " (in a new tab)"));
  link.addEventListener("click", async (event) => {
    if (!api.locked) return;
    // A link carries no key. The report is one file that opens without a server.
    event.preventDefault();
    try {
      save(await api.report(report), `${study}-report.html`);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      unready(error);
    }
  });
  return link;
}

function unready(error) {
  const again = element("button", {type: "button"}, "Try again");
  again.addEventListener("click", open);
  byId("unready").replaceChildren(element("div", {class: "notice"}, element("p", {}, error.message), again));
}

function lock(fault) {
  byId("unlock").hidden = false;
  say(byId("key-fault"), fault);
  byId("key").focus();
}

function ready() {
  const {texts} = source?.asked ?? {};
  byId("go").textContent = texts ? `Predict ${count(texts.length, "text")}` : "Predict";
  if (!asking || asking.finished) say(byId("status"), null);
}

function begin() {
  const asked = source.asked;
  const models = chosen();
  const missing = asked.missing ?? (models.length ? null : "Choose at least one arm.");
  say(byId("status"), missing);
  byId("halted").hidden = true;
  if (missing) return;
  asking = new Asking(api, asked.texts, models, server.limits);
  table = asked.table;
  results.start(asking, models.map((name) => server.models.find((model) => model.name === name)));
  proceed();
}

async function proceed() {
  const mine = asking;
  busy(true);
  tell();
  try {
    await mine.go(
      () => {
        results.update();
        tell();
      },
      (left) => say(byId("status"), `The server is busy. Going on in ${left} s.`),
    );
    if (!mine.finished) halt("Stopped.", true);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    halt(error.message);
    if (error.status === 401) lock(api.locked ? "The server no longer accepts this key." : null);
  } finally {
    busy(false);
    tell();
  }
}

function busy(now) {
  if (now) held = document.activeElement;
  byId("go").hidden = now;
  byId("stop").hidden = byId("progress").hidden = !now;
  for (const part of document.querySelectorAll("#ask input, #ask textarea, #ask select")) part.disabled = now;
  if (now) {
    byId("halted").hidden = true;
    byId("stop").focus();
  } else {
    bound();
    if (byId("unlock").hidden) held.focus();
  }
}

function tell() {
  byId("progress").max = asking.texts.length;
  byId("progress").value = asking.done;
  const changes = asking.models.length > 1 ? ` ${count(results.changes, "row")} changed.` : "";
  say(byId("status"), asking.finished ? `${count(asking.answered, "text")} answered.${changes}` : `${whole(asking.done)} of ${count(asking.texts.length, "text")} answered.`);
}

function halt(why, wished = false) {
  byId("halted").classList.toggle("calm", wished);
  const left = asking.texts.length - asking.done;
  say(byId("halted-why"), `${why} ${asking.done ? "What was answered stays below." : ""}`);
  byId("resume").textContent = asking.done ? `Go on with the other ${whole(left)}` : "Try again";
  byId("halted").hidden = false;
}

function save(blob, name) {
  const address = URL.createObjectURL(blob);
  element("a", {href: address, download: name}).click();
  // The download has its own hold on it by then.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

byId("unlock").addEventListener("submit", (event) => {
  event.preventDefault();
  try {
    api.useKey(byId("key").value.trim());
  } catch (error) {
    lock(error.message);
    return;
  }
  byId("key").value = "";
  open();
});
byId("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  if (byId("stop").hidden) begin();
});
byId("texts").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) byId("ask").requestSubmit();
});
byId("stop").addEventListener("click", () => asking.stop());
byId("resume").addEventListener("click", proceed);
byId("save").addEventListener("click", () => {
  const text = write(asTable(table, asking, server.models, results.before));
  save(new Blob([text], {type: "text/csv"}), "answers.csv");
});
open();
