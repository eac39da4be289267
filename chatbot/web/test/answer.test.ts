import { expect, test } from "vitest";
import { applyEvent, newAnswer, recordedAnswer, textOf, type Answer } from "../src/answer";
import type { AnswerEvent } from "../src/protocol";
import { delta, done, found, NOW, offers, question, reset, run, tool } from "./samples";

const at = (event: AnswerEvent, missed = false) => ({ event, now: NOW, missed });

function written(events: readonly AnswerEvent[], answer: Answer = newAnswer("k", "a1")): Answer {
  return events.reduce((next, event) => applyEvent(next, at(event)), answer);
}

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

test("offers that are sent again were fetched when the gateway says, whatever age they had then", () => {
  const late = offers(1, { age: 2, fetchedAt: "2026-11-22T11:59:00Z" });
  expect(applyEvent(newAnswer("k", "a1"), at(late, true)).parts[0]).toMatchObject({ bornAt: NOW - 60_000 });
});

test("the question is the first event, and nothing to show", () => {
  expect(written([question(1), delta(2, "a")])).toMatchObject({ seq: 2, parts: [{ text: "a" }] });
});

test("an event that comes twice counts once", () => {
  expect(textOf(written([delta(1, "a"), delta(2, "b"), delta(1, "a"), delta(2, "b"), delta(3, "c")]))).toBe("abc");
});

test("a reset forgets what came of the answer, and leaves numbers out", () => {
  const before = [question(1), tool(2, "running"), offers(3), delta(4, "Half")];
  expect(written([...before, reset(10_004)])).toMatchObject({ seq: 10_004, parts: [], ending: null });
  expect(textOf(written([...before, reset(10_004), delta(10_005, "Whole.")]))).toBe("Whole.");
});

test("a reset is taken whatever its number", () => {
  expect(textOf(written([delta(9, "unheard of"), reset(5), delta(6, "Anew.")]))).toBe("Anew.");
});

test("a reset does not open an answer that has ended, nor forget the wish to stop", () => {
  const ended = written([delta(1, "a"), done(2)]);
  expect(written([reset(10_002)], ended)).toBe(ended);
  expect(written([reset(1)], { ...newAnswer("k", "a1"), stopping: true }).stopping).toBe(true);
});

test("the last event closes the answer, and later ones change nothing", () => {
  const closed = written([delta(1, "a"), done(2)]);
  expect(closed.ending).toEqual({ reason: "end_turn", error: null });
  expect(written([delta(3, "b")], closed)).toBe(closed);
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

const recorded = (change: object) =>
  recordedAnswer("k", { role: "assistant", text: "Here.", answerId: "a1", at: "2026-11-22T11:00:00Z", ...change }, NOW);

test("an answer from the history is closed and shows its offers before its text", () => {
  const answer = recorded({ offers: [found()] });
  expect(answer.ending).toEqual({ reason: "end_turn", error: null });
  expect(answer.parts.map((part) => part.kind)).toEqual(["offers", "text"]);
});

test("an answer from the history shows its tool calls, each with what it found", () => {
  const tools = [run({ toolId: "t1" }), run({ toolId: "t2", state: "error", code: "no_data", message: "None." })];
  const { parts } = recorded({ tools: [...tools, run({ toolId: "t3" })], offers: [found({ toolId: "t3" }), found({ toolId: "t1" })] });
  expect(parts.map((part) => (part.kind === "tool" ? part.toolId : part.kind))).toEqual(["t1", "offers", "t2", "t3", "offers", "text"]);
  expect(parts[2]).toMatchObject({ state: "error", code: "no_data", message: "None." });
});

test("an answer from the history tells that it was stopped, and with it the tool that ran", () => {
  const answer = recorded({ tools: [run({ state: "running" })], stopReason: "stopped", text: "" });
  expect(answer).toMatchObject({ ending: { reason: "stopped" }, parts: [{ kind: "tool", state: "stopped" }] });
});
