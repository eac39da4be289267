import { expect, test } from "vitest";
import { textOf, type Answer } from "../src/answer";
import { EMPTY, openAnswer, reduce, type Action, type Conversation } from "../src/conversation";
import type { AnswerEvent, HistoryItem } from "../src/protocol";
import { delta, done, found, NOW, tool } from "./samples";

const MODEL = { name: "offline-demo", offline: true };
const AT = "2026-11-22T11:59:00Z";

const start = (history: HistoryItem[] = [], sessionId = "s1", answering: string | null = null): Action => ({
  type: "started",
  sessionId,
  model: MODEL,
  history,
  answering,
  now: NOW,
});
const ask = (messageId = "m1", text = "Lisbon?"): Action => ({ type: "asked", messageId, text });
const accept = (messageId = "m1", answerId = "a1"): Action => ({ type: "accepted", messageId, answerId });
const reject = (code = "busy", messageId = "m1"): Action => ({
  type: "rejected",
  messageId,
  error: { code, message: "No." },
});
const hear = (event: AnswerEvent): Action => ({ type: "event", event, now: NOW });

const question = (messageId: string, text = "Lisbon?"): HistoryItem => ({ role: "user", text, messageId, at: AT });
const answer = (answerId: string, text: string): HistoryItem => ({ role: "assistant", text, answerId, at: AT });

function after(...actions: Action[]): Conversation {
  return actions.reduce(reduce, EMPTY);
}

/** The turns in brief: `?text (delivery)` for questions, `=text (ending)` for answers, `--` for a break. */
function brief({ turns }: Conversation): string[] {
  return turns.map((turn) => {
    if (turn.kind === "question") return `?${turn.text} (${turn.delivery})`;
    return turn.kind === "break" ? "--" : `=${textOf(turn)} (${turn.ending?.reason ?? "open"})`;
  });
}

test("a question stands there at once, with an answer that has no name yet", () => {
  const state = after(start(), ask());
  expect(brief(state)).toEqual(["?Lisbon? (sending)", "= (open)"]);
  expect(openAnswer(state)?.answerId).toBeNull();
});

test("the acknowledgement names the answer", () => {
  const state = after(start(), ask(), accept());
  expect(brief(state)).toEqual(["?Lisbon? (sent)", "= (open)"]);
  expect(openAnswer(state)?.answerId).toBe("a1");
});

test("events before the acknowledgement are shown at once, and stay", () => {
  const early = after(start(), ask(), hear(delta(1, "On ")), hear(delta(2, "my way.")));
  expect(brief(early)).toEqual(["?Lisbon? (sending)", "=On my way. (open)"]);
  expect(brief(reduce(early, accept()))).toEqual(["?Lisbon? (sent)", "=On my way. (open)"]);
});

test("events before the acknowledgement may come in any order", () => {
  const state = after(start(), ask(), hear(delta(2, "my way.")), hear(delta(1, "On ")), accept(), hear(done(3)));
  expect(brief(state)).toEqual(["?Lisbon? (sent)", "=On my way. (end_turn)"]);
});

test("even a whole answer may come before the acknowledgement", () => {
  const state = after(start(), ask(), hear(delta(1, "Done.")), hear(done(2)), accept());
  expect(brief(state)).toEqual(["?Lisbon? (sent)", "=Done. (end_turn)"]);
});

test("the answer keeps its key from the question to the end", () => {
  const key = openAnswer(after(start(), ask()))?.key;
  const state = after(start(), ask(), accept(), hear(delta(1, "a")), hear(done(2)));
  expect(state.turns[1]?.key).toBe(key);
});

test("events that come twice count once", () => {
  const state = after(start(), ask(), accept(), hear(delta(1, "a")), hear(delta(1, "a")), hear(done(2)), hear(done(2)));
  expect(brief(state)).toEqual(["?Lisbon? (sent)", "=a (end_turn)"]);
  expect(state.stale).toBe(false);
});

test("events of two answers do not mix", () => {
  const first = [start(), ask(), accept(), hear(delta(1, "a")), hear(done(2))];
  const state = after(...first, ask("m2", "Porto?"), accept("m2", "a2"), hear(delta(1, "b", "a2")));
  expect(brief(state)).toEqual(["?Lisbon? (sent)", "=a (end_turn)", "?Porto? (sent)", "=b (open)"]);
});

test("a refused question is marked, and its empty answer goes", () => {
  const state = after(start(), ask(), reject());
  expect(brief(state)).toEqual(["?Lisbon? (failed)"]);
  expect(state.turns[0]).toMatchObject({ error: { code: "busy" } });
});

test("asking a refused question again moves it to the end", () => {
  const state = after(start(), ask(), reject(), ask("m2", "Porto?"), accept("m2", "a2"), hear(done(1, "end_turn", "a2")), ask());
  expect(brief(state)).toEqual(["?Porto? (sent)", "= (end_turn)", "?Lisbon? (sending)", "= (open)"]);
});

test("a lost acknowledgement does not matter once the answer has begun", () => {
  const state = after(start(), ask(), hear(delta(1, "a")), reject("no_reply"));
  expect(brief(state)).toEqual(["?Lisbon? (sent)", "=a (open)"]);
});

test("a repeated question whose answer is already shown gets no second one", () => {
  const shown = after(start([question("m0"), answer("a1", "Here.")]), ask("m1"), accept("m1", "a1"));
  expect(brief(shown)).toEqual(["?Lisbon? (sent)", "=Here. (recorded)", "?Lisbon? (sent)"]);
});

test("stopping is marked at once, and the gateway's last event settles it", () => {
  const stopping = after(start(), ask(), accept(), hear(delta(1, "Half")), { type: "stopping" });
  expect(openAnswer(stopping)?.stopping).toBe(true);
  const stopped = reduce(stopping, hear(done(2, "stopped")));
  expect(brief(stopped)).toEqual(["?Lisbon? (sent)", "=Half (stopped)"]);
});

test("stopping before the answer has a name is remembered until it has one", () => {
  const state = after(start(), ask(), { type: "stopping" }, hear(tool(1, "running")));
  expect(openAnswer(state)).toMatchObject({ answerId: "a1", stopping: true });
});

test("the wish to stop outlives the acknowledgement", () => {
  expect(openAnswer(after(start(), ask(), { type: "stopping" }, accept()))).toMatchObject({ answerId: "a1", stopping: true });
});

test("when stopping fails one can ask for it again", () => {
  expect(openAnswer(after(start(), ask(), { type: "stopping" }, { type: "stop-failed" }))?.stopping).toBe(false);
});

test("with nothing to stop, stopping changes nothing", () => {
  const state = after(start());
  expect(reduce(state, { type: "stopping" })).toBe(state);
});

test("an error ends the answer, and the next question can be asked", () => {
  const state = after(start(), ask(), accept(), hear(delta(1, "Let me")), hear(done(2, "error")));
  expect(brief(state)).toEqual(["?Lisbon? (sent)", "=Let me (error)"]);
  expect(openAnswer(state)).toBeNull();
});

test("a history is shown with its offers and their age", () => {
  const offers = [found({ age: 1, fetchedAt: "2026-11-22T11:00:00Z" })];
  const state = after(start([question("m1"), { ...answer("a1", "Here."), offers }]));
  expect(brief(state)).toEqual(["?Lisbon? (sent)", "=Here. (recorded)"]);
  expect((state.turns[1] as Answer).parts[0]).toMatchObject({ kind: "offers", bornAt: Date.UTC(2026, 10, 22, 11) });
});

test("a history without ids still has distinct keys", () => {
  const bare = { role: "user", text: "a", at: AT } as const;
  const { turns } = after(start([bare, { ...bare, role: "assistant" }, bare]));
  expect(new Set(turns.map(({ key }) => key)).size).toBe(3);
});

test("an answer begun before the page was loaded is taken up in its middle", () => {
  const state = after(start([question("m1")]), hear(delta(7, "and so on.")));
  expect(brief(state)).toEqual(["?Lisbon? (sent)", "=and so on. (open)"]);
  expect(state.stale).toBe(false);
  expect(reduce(state, hear(done(8))).stale).toBe(true);
});

test("the record replaces an answer that was taken up in its middle", () => {
  const state = after(
    start([question("m1")]),
    hear(delta(7, "so on.")),
    hear(done(8)),
    start([question("m1"), answer("a1", "And so on.")]),
  );
  expect(brief(state)).toEqual(["?Lisbon? (sent)", "=And so on. (end_turn)"]);
  expect(state.stale).toBe(false);
});

test("an answer still being written goes on after a reconnect", () => {
  const state = after(start(), ask(), accept(), hear(delta(1, "a")), start([question("m1")]), hear(delta(5, "e")));
  expect(brief(state)).toEqual(["?Lisbon? (sent)", "=ae (open)"]);
});

test("an answer finished while away comes from the record, under the key it had", () => {
  const before = after(start(), ask(), accept(), hear(delta(1, "a")));
  const state = reduce(before, start([question("m1"), answer("a1", "abc")]));
  expect(brief(state)).toEqual(["?Lisbon? (sent)", "=abc (recorded)"]);
  expect(state.turns[1]?.key).toBe(before.turns[1]?.key);
});

test("the end of an answer that the record held only in part asks for the record again", () => {
  const state = after(start(), ask(), accept(), start([question("m1"), answer("a1", "ab")]), hear(done(9)));
  expect(state.stale).toBe(true);
});

test("a question that never arrived survives a reconnect, to be sent again", () => {
  const state = after(start(), ask(), reject("no_reply"), start([]));
  expect(brief(state)).toEqual(["?Lisbon? (failed)"]);
});

test("a question that did arrive is not shown twice after a reconnect", () => {
  expect(brief(after(start(), ask(), reject("no_reply"), start([question("m1")])))).toEqual(["?Lisbon? (sent)"]);
});

test("an answer that fell silent is closed, and the next question can be asked", () => {
  const state = after(start(), ask(), accept(), hear(delta(1, "a")), { type: "interrupted" });
  expect(brief(state)).toEqual(["?Lisbon? (sent)", "=a (interrupted)"]);
  expect(reduce(state, hear(done(9))).stale).toBe(true);
});

test("when the gateway lost the session, what was said stays in sight above a break", () => {
  const state = after(start(), ask(), accept(), hear(delta(1, "a")), start([], "s2"));
  expect(brief(state)).toEqual(["?Lisbon? (sent)", "=a (interrupted)", "--"]);
  expect(state.sessionId).toBe("s2");
});

test("a first start with nothing on the page makes no break", () => {
  expect(brief(after(start([question("m1"), answer("a1", "Here.")])))).toEqual(["?Lisbon? (sent)", "=Here. (recorded)"]);
});

test("a new chat forgets everything but the model", () => {
  const state = after(start(), ask(), { type: "cleared" });
  expect(state).toEqual({ ...EMPTY, model: MODEL });
});

test("the acknowledgement has the last word on which answer belongs to a question", () => {
  const state = after(start(), ask(), hear(delta(4, "of another tab", "a9")), accept(), hear(delta(1, "Mine.")));
  expect(brief(state)).toEqual(["?Lisbon? (sent)", "=Mine. (open)"]);
});

test("a question asked while a new session is on its way belongs to that session", () => {
  const state = after(start(), { type: "cleared" }, ask(), start([], "s2"), accept(), hear(delta(1, "a")));
  expect(brief(state)).toEqual(["?Lisbon? (sent)", "=a (open)"]);
  expect(openAnswer(state)?.incomplete).toBe(false);
});

const joining = (...history: HistoryItem[]): Action => start(history, "s1", "a1");

test("an answer that is being written when the page loads is waited for, and can be stopped", () => {
  const state = after(joining(question("m1")));
  expect(brief(state)).toEqual(["?Lisbon? (sent)", "= (open)"]);
  expect(openAnswer(state)?.answerId).toBe("a1");
});

test("an answer joined in its middle shows what comes, and the record once it is done", () => {
  const state = after(joining(question("m1")), hear(delta(7, "so on.")));
  expect([brief(state)[1], state.stale]).toEqual(["=so on. (open)", false]);
  const finished = reduce(state, hear(done(8)));
  expect(finished.stale).toBe(true);
  const whole = reduce(finished, start([question("m1"), answer("a1", "And so on.")]));
  expect([brief(whole)[1], whole.stale]).toEqual(["=And so on. (end_turn)", false]);
});

test("an answer that the history already has is not opened again", () => {
  expect(brief(after(joining(question("m1"), answer("a1", "Here."))))).toEqual(["?Lisbon? (sent)", "=Here. (recorded)"]);
});

test("an answer still being written after a reconnect keeps what was shown", () => {
  const state = after(start(), ask(), accept(), hear(delta(1, "a")), joining(question("m1")), hear(delta(5, "e")));
  expect(brief(state)).toEqual(["?Lisbon? (sent)", "=ae (open)"]);
});

test("a start names the answer of a question whose acknowledgement was lost", () => {
  const before = after(start(), ask(), { type: "stopping" });
  const state = reduce(before, joining(question("m1")));
  expect(openAnswer(state)).toMatchObject({ key: openAnswer(before)?.key, answerId: "a1", stopping: true });
  expect(state.turns).toHaveLength(2);
});

test("an answer given up here is taken up again when the gateway still writes it", () => {
  const state = after(start(), ask(), accept(), { type: "interrupted" }, joining(question("m1")));
  expect(brief(state)).toEqual(["?Lisbon? (sent)", "= (open)"]);
});

test("an undelivered question stays below an answer that is being written, which can still be stopped", () => {
  const state = after(start(), ask("m2", "Porto?"), reject("no_reply", "m2"), joining(question("m1")));
  expect(brief(state)).toEqual(["?Lisbon? (sent)", "= (open)", "?Porto? (failed)"]);
  expect(openAnswer(state)?.answerId).toBe("a1");
});

test("an answer to a question from another tab brings the history once it is done", () => {
  const state = after(start(), hear(delta(1, "Hello.")), hear(done(2)));
  expect([brief(state), state.stale]).toEqual([["=Hello. (end_turn)"], true]);
  expect(brief(reduce(state, start([question("m9"), answer("a1", "Hello.")])))).toEqual([
    "?Lisbon? (sent)",
    "=Hello. (end_turn)",
  ]);
});

test("an answer from another tab that took a question's place brings the history", () => {
  expect(after(start(), ask(), hear(done(1, "end_turn", "a9")), accept()).stale).toBe(true);
  expect(after(start(), ask(), accept()).stale).toBe(false);
});

test("an answer that fell silent brings the history", () => {
  expect(after(start(), ask(), accept(), { type: "interrupted" }).stale).toBe(true);
});

test("an answer seen to its end stays as it was seen when the history comes again", () => {
  const before = after(start(), ask(), accept(), hear(tool(1, "done")), hear(delta(2, "Half")), hear(done(3, "stopped")));
  const state = reduce(before, start([question("m1"), answer("a1", "Half")]));
  expect(state.turns[1]).toBe(before.turns[1]);
});

test("a joined answer that was stopped is shown whole, and as stopped", () => {
  const state = after(joining(question("m1")), hear(delta(7, "on")), hear(done(8, "stopped")));
  expect(brief(reduce(state, start([question("m1"), answer("a1", "And so on")])))[1]).toBe("=And so on (stopped)");
});

test("a refused question gives up the answer from another tab that had taken its place", () => {
  const writing = after(start(), ask(), hear(delta(1, "Quito", "a9")), reject("busy"));
  expect(brief(writing)).toEqual(["=Quito (open)", "?Lisbon? (failed)"]);
  const finished = reduce(writing, hear(done(2, "end_turn", "a9")));
  expect(finished.stale).toBe(true);
  expect(brief(reduce(finished, start([question("m9", "Quito?"), answer("a9", "Quito")])))).toEqual([
    "?Quito? (sent)",
    "=Quito (end_turn)",
    "?Lisbon? (failed)",
  ]);
});

test("also one that is finished already, whose question the history then brings", () => {
  const state = after(start(), ask(), hear(delta(1, "Quito", "a9")), hear(done(2, "end_turn", "a9")), reject("busy"));
  expect([brief(state), state.stale]).toEqual([["=Quito (end_turn)", "?Lisbon? (failed)"], true]);
});

test("an answer from another tab comes above a question that was refused before, which outlives the history", () => {
  const finished = after(start(), ask(), reject("busy"), hear(delta(1, "Quito", "a9")), hear(done(2, "end_turn", "a9")));
  expect(brief(finished)).toEqual(["=Quito (end_turn)", "?Lisbon? (failed)"]);
  expect(brief(reduce(finished, start([question("m9", "Quito?"), answer("a9", "Quito")]))).at(-1)).toBe("?Lisbon? (failed)");
});
