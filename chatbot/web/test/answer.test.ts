import { expect, test } from "vitest";
import { applyEvent, newAnswer, recordedAnswer, resumed, textOf, type Answer } from "../src/answer";
import type { AnswerEvent } from "../src/protocol";
import { delta, done, found, NOW, offers, tool } from "./samples";

function written(events: readonly AnswerEvent[], answer: Answer = newAnswer("k", "a1")): Answer {
  return events.reduce((next, event) => applyEvent(next, event, NOW), answer);
}

/** Every order of `items`. */
function orders<T>(items: readonly T[]): T[][] {
  if (items.length < 2) return [[...items]];
  return items.flatMap((item, index) =>
    orders([...items.slice(0, index), ...items.slice(index + 1)]).map((rest) => [item, ...rest]),
  );
}

const WHOLE = [tool(1, "running"), tool(2, "done"), offers(3), delta(4, "One "), delta(5, "offer.")];

test("deltas that follow each other become one text", () => {
  expect(written([delta(1, "Hel"), delta(2, "lo")]).parts).toEqual([{ kind: "text", text: "Hello" }]);
});

test("a tool's progress replaces what was shown of it, in its place", () => {
  const { parts } = written([delta(1, "Looking. "), tool(2, "running"), tool(3, "error", "No such airport.")]);
  expect(parts).toMatchObject([{ kind: "text" }, { kind: "tool", state: "error", message: "No such airport.", code: null }]);
});

test("text after a tool call is a part of its own", () => {
  expect(written([delta(1, "a"), tool(2, "running"), delta(3, "b")]).parts.map((part) => part.kind)).toEqual([
    "text",
    "tool",
    "text",
  ]);
});

test("offers keep neither the answer's id nor its numbering, and know when they were fetched", () => {
  const part = written([offers(1, { source: "cache", age: 42 })]).parts[0];
  expect(part).toEqual({ kind: "offers", found: found({ source: "cache", age: 42 }), bornAt: NOW - 42_000 });
});

test("any order of arrival gives the same answer", () => {
  const expected = written(WHOLE);
  for (const order of orders(WHOLE)) expect(written(order)).toEqual(expected);
});

test("an event that comes twice counts once, also while it is held", () => {
  expect(textOf(written([delta(1, "a"), delta(1, "a"), delta(3, "c"), delta(3, "c"), delta(2, "b")]))).toBe("abc");
});

test("an event is held until what precedes it has come", () => {
  const early = written([delta(2, "b")]);
  expect(early.parts).toEqual([]);
  expect(textOf(written([delta(1, "a")], early))).toBe("ab");
});

test("the last event closes the answer, and later ones change nothing", () => {
  const closed = written([delta(1, "a"), done(2)]);
  expect(closed.ending).toEqual({ reason: "end_turn", error: null });
  expect(applyEvent(closed, delta(3, "b"), NOW)).toBe(closed);
});

test("a stopped answer keeps its text, and its running tool is stopped", () => {
  const { parts, ending } = written([delta(1, "Partly"), tool(2, "running"), done(3, "stopped")]);
  expect(ending?.reason).toBe("stopped");
  expect(parts).toMatchObject([{ text: "Partly" }, { kind: "tool", state: "stopped" }]);
});

test("an error ends the answer and is kept", () => {
  expect(written([done(1, "error")]).ending).toEqual({
    reason: "error",
    error: { code: "model_unavailable", message: "Away." },
  });
});

test("a last event with a hole before it still ends the answer, which is then incomplete", () => {
  const answer = written([delta(1, "a"), delta(3, "c"), done(4)]);
  expect(answer).toMatchObject({ ending: { reason: "end_turn" }, incomplete: true });
  expect(textOf(answer)).toBe("ac");
});

test("after a reconnect what was held is shown and the next event is taken as it comes", () => {
  const answer = written([delta(6, "f"), delta(7, "g")], resumed(written([delta(1, "a"), delta(3, "c")]), NOW));
  expect(textOf(answer)).toBe("acfg");
  expect(answer.incomplete).toBe(true);
});

test("a reconnect that lost nothing leaves the answer whole", () => {
  const before = resumed(written([delta(1, "a")]), NOW);
  expect(before.incomplete).toBe(false);
});

test("a reconnect leaves a finished answer as it is", () => {
  const finished = written([done(1)]);
  expect(resumed(finished, NOW)).toBe(finished);
});

test("an answer from the history is closed and shows its offers before its text", () => {
  const item = { role: "assistant", text: "Here.", answerId: "a1", at: "2026-11-22T11:00:00Z", offers: [found()] } as const;
  const answer = recordedAnswer("k", { ...item, offers: [...item.offers] }, NOW);
  expect(answer.ending?.reason).toBe("recorded");
  expect(answer.parts.map((part) => part.kind)).toEqual(["offers", "text"]);
});
