// Many texts, in requests that the server takes, one after the other; it can be stopped and goes on where it was.

import {ODD, Refusal, patiently} from "./api.js";
import {whole} from "./format.js";

// For what stands around the texts in a request.
const AROUND = 8192;
const BYTES = new TextEncoder();

export class Asking {
  #api;
  #limits;
  #stopping = null;

  /** texts: what to ask. models: names. limits: as the server states them. answers: one a text once it is there:
   * `{by: {name: answer}}`, or `{fault: "why it was not sent"}`. */
  constructor(api, texts, models, limits) {
    this.#api = api;
    this.#limits = limits;
    this.texts = texts;
    this.models = models;
    this.answers = [];
  }

  get done() {
    return this.answers.length;
  }

  get finished() {
    return this.done === this.texts.length;
  }

  /** Texts that the server answered, those left out that cannot be asked. */
  get answered() {
    return this.answers.filter((one) => one.by).length;
  }

  stop() {
    this.#stopping?.abort();
  }

  /** Ask until all is answered or `stop`. onAnswers hears of each request's end, onWait the seconds until the server may
   * be asked again. Throws Refusal; what was answered by then is kept. */
  async go(onAnswers, onWait) {
    this.#stopping = new AbortController();
    const {signal} = this.#stopping;
    try {
      while (!this.finished) {
        await this.#step(onWait, signal);
        onAnswers();
      }
    } catch (error) {
      if (error.name !== "AbortError") throw error;
    } finally {
      this.#stopping = null;
    }
  }

  async #step(onWait, signal) {
    const fault = this.#fault(this.texts[this.done]);
    if (fault) {
      this.answers.push({fault});
      return;
    }
    const texts = this.#batch();
    const said = await patiently(() => this.#api.predict({texts, models: this.models}, signal), onWait, signal);
    if (said.answers?.length !== texts.length) throw new Refusal(0, ODD);
    this.answers.push(...said.answers.map((by) => ({by})));
  }

  #batch() {
    const batch = [];
    let bytes = AROUND;
    for (const text of this.texts.slice(this.done, this.done + this.#limits.texts)) {
      bytes += size(text);
      if (batch.length && (bytes > this.#limits.bytes || this.#fault(text))) break;
      batch.push(text);
    }
    return batch;
  }

  #fault(text) {
    const {characters, bytes} = this.#limits;
    if (text.length > characters && [...text].length > characters) {
      return `Longer than ${whole(characters)} characters: not asked.`;
    }
    if (AROUND + size(text) > bytes) return "Larger than a request may be: not asked.";
    return /\p{Surrogate}/u.test(text) ? "It holds half a character (a lone surrogate): not asked." : null;
  }
}

const size = (text) => BYTES.encode(JSON.stringify(text)).length + 1;
