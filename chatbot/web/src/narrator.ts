/**
 * What a screen reader is told of an answer while it is written: whole sentences, each tool call's beginning
 * and failure, what was found, and how it ended. Answers out of the history are not read out.
 */

import { textOf, type Answer, type Ending, type OffersPart, type ToolPart } from "./answer";
import { nextSentences } from "./sentences";

/** How the page words what is not text. Null is not said. */
export interface Wording {
  tool: (part: ToolPart) => string;
  offers: (part: OffersPart) => string;
  ending: (ending: Ending | null) => string | null;
}

export class Narrator {
  #key: string | null = null;
  #silent = true;
  #upTo = 0;
  #told = new Set<string>();

  /** What is new in `answer` since it was last heard. */
  hear(answer: Answer, wording: Wording): string[] {
    if (answer.key !== this.#key) this.#begin(answer);
    if (this.#silent) return [];
    const lines = answer.parts.flatMap((part) => {
      if (part.kind === "tool" && part.state !== "done") return this.#once(`${part.toolId} ${part.state}`, () => wording.tool(part));
      if (part.kind === "offers") return this.#once(`${part.found.toolId} offers`, () => wording.offers(part));
      return [];
    });
    const written = textOf(answer);
    // Text only grows, unless the answer is begun anew.
    const from = written.length < this.#upTo ? 0 : this.#upTo;
    const { text, upTo } = nextSentences(written, from, answer.ending !== null);
    this.#upTo = upTo;
    if (text !== "") lines.push(text);
    if (answer.ending !== null) {
      this.#silent = true;
      const ending = wording.ending(answer.ending);
      if (ending !== null) lines.push(ending);
    }
    return lines;
  }

  #begin(answer: Answer): void {
    this.#key = answer.key;
    this.#silent = answer.ending !== null;
    this.#upTo = 0;
    this.#told = new Set();
  }

  #once(fact: string, line: () => string): string[] {
    if (this.#told.has(fact)) return [];
    this.#told.add(fact);
    return [line()];
  }
}
