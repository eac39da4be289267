import { expect, test } from "vitest";
import { applyEvent, newAnswer, recordedAnswer, type Answer } from "../src/answer";
import { Narrator, type Wording } from "../src/narrator";
import type { AnswerEvent } from "../src/protocol";
import { delta, done, NOW, offers, reset, tool } from "./samples";

const WORDING: Wording = {
  tool: ({ state }) => `tool ${state}`,
  offers: ({ found }) => `${found.total} offers`,
  ending: (ending) => (ending?.reason === "end_turn" ? null : `ended: ${ending?.reason}`),
};

/** What is said after each event. */
function narrated(...events: AnswerEvent[]): string[][] {
  const narrator = new Narrator();
  let answer: Answer = newAnswer("k", "a1");
  narrator.hear(answer, WORDING);
  return events.map((event) => {
    answer = applyEvent(answer, { event, now: NOW, missed: false });
    return narrator.hear(answer, WORDING);
  });
}

test("text is said by whole sentences, and the rest at the end", () => {
  expect(narrated(delta(1, "It is"), delta(2, " far. Very"), delta(3, " far"), done(4))).toEqual([
    [],
    ["It is far."],
    [],
    ["Very far"],
  ]);
});

test("a search is said when it begins, and its result once", () => {
  expect(narrated(tool(1, "running"), tool(2, "done"), offers(3), delta(4, "a"))).toEqual([
    ["tool running"],
    [],
    ["1 offers"],
    [],
  ]);
});

test("an answer that is not a whole one ends with the reason", () => {
  expect(narrated(delta(1, "Half a"), done(2, "stopped"))).toEqual([[], ["Half a", "ended: stopped"]]);
});

test("an answer that is begun anew is read anew", () => {
  expect(narrated(delta(1, "Two flights. One"), reset(10_001), delta(10_002, "Three flights. On"))).toEqual([
    ["Two flights."],
    [],
    ["Three flights."],
  ]);
});

test("an answer from the history is not read out", () => {
  const item = { role: "assistant", text: "Old.", answerId: "a1", at: "2026-11-22T11:00:00Z" } as const;
  expect(new Narrator().hear(recordedAnswer("k", item, NOW), WORDING)).toEqual([]);
});

test("an answer that was finished while away is read to its end", () => {
  const narrator = new Narrator();
  narrator.hear(applyEvent(newAnswer("k", "a1"), { event: delta(1, "One. T"), now: NOW, missed: false }), WORDING);
  const item = { role: "assistant", text: "One. Two.", answerId: "a1", at: "2026-11-22T11:00:00Z" } as const;
  expect(narrator.hear(recordedAnswer("k", item, NOW), { ...WORDING, ending: () => null })).toEqual(["Two."]);
});
