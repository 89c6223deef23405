// The server, asked in its own words (openapi.json), and its refusals as sentences.

const LOCKED = "The server asks for its API key.";
const GONE = "The server cannot be reached. Is “lightune serve” still running?";
export const ODD = "The server's answer cannot be read. Is another program between this page and the server?";
// Where an answer that says "later" does not say when.
const WAIT = 2;

/** What the server would not do. status: of HTTP, 0 where there was no answer. wait: seconds until it may be asked
 * again, null where it did not say. */
export class Refusal extends Error {
  constructor(status, message, wait = null) {
    super(message);
    this.status = status;
    this.wait = wait;
  }
}

/** The routes. The API key lives in this object alone. Each call throws Refusal, or AbortError by its signal. */
export class Api {
  #key = null;

  get locked() {
    return this.#key !== null;
  }

  /** Use a key from now on. Throws Refusal for what no header can carry. */
  useKey(key) {
    if (!/^[\x21-\x7e]+$/.test(key)) {
      throw new Refusal(401, "A key of letters, digits and signs without blanks is expected.");
    }
    this.#key = key;
  }

  models(signal) {
    return this.#json("v1/models", {signal});
  }

  predict(body, signal) {
    return this.#json("v1/predict", posted(body, signal));
  }

  explain(body, signal) {
    return this.#json("v1/explain", posted(body, signal));
  }

  /** A study's report as a file. */
  async report(path) {
    return (await this.#answer(path, {})).blob();
  }

  async #json(path, options) {
    const answer = await this.#answer(path, options);
    try {
      return await answer.json();
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Refusal(0, error instanceof SyntaxError ? ODD : GONE);
    }
  }

  async #answer(path, options) {
    const headers = new Headers(options.headers);
    if (this.#key !== null) headers.set("Authorization", `Bearer ${this.#key}`);
    // With a key of the page's own the browser need not ask for one too.
    const credentials = this.#key === null ? "same-origin" : "omit";
    let answer;
    try {
      answer = await fetch(path, {...options, headers, credentials, cache: "no-store"});
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Refusal(0, GONE);
    }
    if (answer.ok) return answer;
    throw new Refusal(answer.status, await sentence(answer), seconds(answer.headers.get("Retry-After")));
  }
}

/** Ask, and while the server has too much to do (429) wait as long as it says and ask again. onWait hears the seconds
 * that are left, each second. */
export async function patiently(ask, onWait, signal) {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (error.status !== 429) throw error;
      for (let left = error.wait ?? WAIT; left > 0; left -= 1) {
        onWait(left);
        await pause(Math.min(left, 1) * 1000, signal);
      }
    }
  }
}

function posted(body, signal) {
  return {method: "POST", body: JSON.stringify(body), headers: {"Content-Type": "application/json"}, signal};
}

async function sentence(answer) {
  let said = null;
  try {
    said = (await answer.json()).error.message;
  } catch {
    // Something else than the server may have answered, in words of its own.
  }
  if (answer.status === 401) return LOCKED;
  return typeof said === "string" && said ? `The server says: ${said}` : `The server answered ${answer.status}.`;
}

function seconds(header) {
  if (header === null) return null;
  const left = /^\d+$/.test(header.trim()) ? Number(header) : (Date.parse(header) - Date.now()) / 1000;
  return Number.isFinite(left) ? Math.max(Math.ceil(left), 1) : null;
}

function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(new DOMException("stopped", "AbortError"));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    if (signal?.aborted) stop();
    signal?.addEventListener("abort", stop, {once: true});
  });
}
