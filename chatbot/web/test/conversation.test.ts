import { expect, test } from "vitest";
import { textOf, type Answer } from "../src/answer";
import { EMPTY, openAnswer, reduce, type Action, type Conversation } from "../src/conversation";
import type { AnswerEvent, HistoryItem } from "../src/protocol";
import { delta, done, found, NOW, question as begin, reset, run, tool } from "./samples";

const MODEL = { name: "offline-demo", offline: true };
const AT = "2026-11-22T11:59:00Z";

const start = (history: HistoryItem[] = [], sessionId = "s1", answering: string | null = null): Action => ({
  type: "started",
  sessionId,
  title: null,
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
const hear = (event: AnswerEvent): Action => ({ type: "event", event, now: NOW, missed: false });
/** The first event of the answer to the page's own question. */
const begun = hear(begin(1));

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

test("the answer's first event names it, too, and tells that the question has arrived", () => {
  const state = after(start(), ask(), begun);
  expect(brief(state)).toEqual(["?Lisbon? (sent)", "= (open)"]);
  expect(openAnswer(state)?.answerId).toBe("a1");
});

test("events before the acknowledgement are shown at once, and stay", () => {
  const early = after(start(), ask(), begun, hear(delta(2, "On ")), hear(delta(3, "my way.")));
  expect(brief(early)).toEqual(["?Lisbon? (sent)", "=On my way. (open)"]);
  expect(brief(reduce(early, accept()))).toEqual(["?Lisbon? (sent)", "=On my way. (open)"]);
});

test("even a whole answer may come before the acknowledgement", () => {
  const state = after(start(), ask(), begun, hear(delta(2, "Done.")), hear(done(3)), accept());
  expect(brief(state)).toEqual(["?Lisbon? (sent)", "=Done. (end_turn)"]);
});

test("the answer keeps its key from the question to the end", () => {
  const key = openAnswer(after(start(), ask()))?.key;
  const state = after(start(), ask(), begun, accept(), hear(delta(2, "a")), hear(reset(10_002)), hear(done(10_003)));
  expect(state.turns[1]?.key).toBe(key);
});

test("events that come twice count once", () => {
  const events = [begun, hear(delta(2, "a")), hear(done(3))];
  const state = after(start(), ask(), accept(), ...events, ...events);
  expect(brief(state)).toEqual(["?Lisbon? (sent)", "=a (end_turn)"]);
});

test("events of two answers do not mix", () => {
  const first = [start(), ask(), accept(), begun, hear(delta(2, "a")), hear(done(3))];
  const second = [ask("m2", "Porto?"), accept("m2", "a2"), hear(begin(1, "m2", "a2")), hear(delta(2, "b", "a2"))];
  expect(brief(after(...first, ...second))).toEqual(["?Lisbon? (sent)", "=a (end_turn)", "?Porto? (sent)", "=b (open)"]);
});

test("an answer that begins anew forgets what came of it, not its question", () => {
  const state = after(start(), ask(), begun, hear(delta(2, "Half")), hear(reset(10_002)), hear(delta(10_003, "Whole.")));
  expect(brief(state)).toEqual(["?Lisbon? (sent)", "=Whole. (open)"]);
});

test("events of an answer that the page does not know change nothing", () => {
  const state = after(start(), { type: "cleared" });
  for (const event of [delta(7, "of the chat that was left"), reset(9), done(10)]) expect(reduce(state, hear(event))).toBe(state);
});

test("a refused question is marked, and its empty answer goes", () => {
  const state = after(start(), ask(), reject());
  expect(brief(state)).toEqual(["?Lisbon? (failed)"]);
  expect(state.turns[0]).toMatchObject({ error: { code: "busy" } });
});

test("asking a refused question again moves it to the end", () => {
  const second = [ask("m2", "Porto?"), accept("m2", "a2"), hear(begin(1, "m2", "a2")), hear(done(2, "end_turn", "a2"))];
  const state = after(start(), ask(), reject(), ...second, ask());
  expect(brief(state)).toEqual(["?Porto? (sent)", "= (end_turn)", "?Lisbon? (sending)", "= (open)"]);
});

test("a lost acknowledgement does not matter once the answer has begun", () => {
  const state = after(start(), ask(), begun, hear(delta(2, "a")), reject("no_reply"));
  expect(brief(state)).toEqual(["?Lisbon? (sent)", "=a (open)"]);
});

test("nor if the answer begins only afterwards", () => {
  const state = after(start(), ask(), reject("no_reply"), begun, hear(delta(2, "a")));
  expect(brief(state)).toEqual(["?Lisbon? (sent)", "=a (open)"]);
});

test("a repeated question whose answer is already shown gets no second one", () => {
  const shown = after(start([question("m0"), answer("a1", "Here.")]), ask("m1"), accept("m1", "a1"));
  expect(brief(shown)).toEqual(["?Lisbon? (sent)", "=Here. (end_turn)", "?Lisbon? (sent)"]);
});

test("stopping is marked at once, and the gateway's last event settles it", () => {
  const stopping = after(start(), ask(), accept(), begun, hear(delta(2, "Half")), { type: "stopping" });
  expect(openAnswer(stopping)?.stopping).toBe(true);
  const stopped = reduce(stopping, hear(done(3, "stopped")));
  expect(brief(stopped)).toEqual(["?Lisbon? (sent)", "=Half (stopped)"]);
});

test("the wish to stop outlives the naming of the answer, by event or acknowledgement", () => {
  for (const named of [begun, accept()]) {
    expect(openAnswer(after(start(), ask(), { type: "stopping" }, named))).toMatchObject({ answerId: "a1", stopping: true });
  }
});

test("when stopping fails one can ask for it again", () => {
  expect(openAnswer(after(start(), ask(), { type: "stopping" }, { type: "stop-failed" }))?.stopping).toBe(false);
});

test("with nothing to stop, stopping changes nothing", () => {
  const state = after(start());
  expect(reduce(state, { type: "stopping" })).toBe(state);
});

test("an error ends the answer, and the next question can be asked", () => {
  const state = after(start(), ask(), accept(), begun, hear(delta(2, "Let me")), hear(done(3, "error")));
  expect(brief(state)).toEqual(["?Lisbon? (sent)", "=Let me (error)"]);
  expect(openAnswer(state)).toBeNull();
});

test("a history is shown with its offers and their age", () => {
  const offers = [found({ age: 1, fetchedAt: "2026-11-22T11:00:00Z" })];
  const state = after(start([question("m1"), { ...answer("a1", "Here."), offers }]));
  expect(brief(state)).toEqual(["?Lisbon? (sent)", "=Here. (end_turn)"]);
  expect((state.turns[1] as Answer).parts[0]).toMatchObject({ kind: "offers", bornAt: Date.UTC(2026, 10, 22, 11) });
});

test("a history is shown with its tool calls, and with how its answers ended", () => {
  const state = after(start([question("m1"), { ...answer("a1", "Half"), tools: [run()], stopReason: "stopped" }]));
  expect(brief(state)).toEqual(["?Lisbon? (sent)", "=Half (stopped)"]);
  expect((state.turns[1] as Answer).parts[0]).toMatchObject({ kind: "tool", state: "done" });
});

test("a history without ids still has distinct keys", () => {
  const bare = { role: "user", text: "a", at: AT } as const;
  const { turns } = after(start([bare, { ...bare, role: "assistant" }, bare]));
  expect(new Set(turns.map(({ key }) => key)).size).toBe(3);
});

const joining = (...history: HistoryItem[]): Action => start(history, "s1", "a1");

test("an answer that is being written when the page loads is waited for, and can be stopped", () => {
  const state = after(joining(question("m1")));
  expect(brief(state)).toEqual(["?Lisbon? (sent)", "= (open)"]);
  expect(openAnswer(state)?.answerId).toBe("a1");
});

test("it is then shown from its beginning", () => {
  const state = after(joining(question("m1")), begun, hear(delta(2, "And so ")), hear(delta(3, "on.")), hear(done(4)));
  expect(brief(state)).toEqual(["?Lisbon? (sent)", "=And so on. (end_turn)"]);
  expect(state.stale).toBe(false);
});

test("an answer goes on after a reconnect where it was left", () => {
  const state = after(start(), ask(), accept(), begun, hear(delta(2, "a")), joining(question("m1")), hear(delta(3, "b")));
  expect([brief(state), state.stale]).toEqual([["?Lisbon? (sent)", "=ab (open)"], false]);
});

test("what is sent again after a reconnect counts once", () => {
  const events = [begun, hear(delta(2, "a")), hear(delta(3, "b"))];
  const state = after(start(), ask(), accept(), ...events, joining(question("m1")), ...events, hear(delta(4, "c")));
  expect(brief(state)).toEqual(["?Lisbon? (sent)", "=abc (open)"]);
});

test("an answer finished while away comes from the history, under the key it had", () => {
  const before = after(start(), ask(), accept(), begun, hear(delta(2, "a")));
  const state = reduce(before, start([question("m1"), answer("a1", "abc")]));
  expect([brief(state), state.stale]).toEqual([["?Lisbon? (sent)", "=abc (end_turn)"], false]);
  expect(state.turns[1]?.key).toBe(before.turns[1]?.key);
});

test("an answer that nobody writes and the history lacks is closed, and the history fetched once more", () => {
  const state = after(start(), ask(), accept(), begun, hear(delta(2, "a")), start([question("m1")]));
  expect([brief(state), state.stale]).toEqual([["?Lisbon? (sent)", "=a (interrupted)"], true]);
  const again = reduce(state, start([question("m1")]));
  expect([brief(again), again.stale]).toEqual([["?Lisbon? (sent)", "=a (interrupted)"], false]);
  expect(brief(reduce(state, start([question("m1"), answer("a1", "abc")])))).toEqual(["?Lisbon? (sent)", "=abc (end_turn)"]);
});

test("an answer that cannot be resumed is closed, and taken from the history", () => {
  const state = after(joining(question("m1")), { type: "lost", answerId: "a1" });
  expect([brief(state), state.stale]).toEqual([["?Lisbon? (sent)", "= (interrupted)"], true]);
  const whole = reduce(state, start([question("m1"), answer("a1", "Here.")]));
  expect([brief(whole), whole.stale]).toEqual([["?Lisbon? (sent)", "=Here. (end_turn)"], false]);
});

test("an answer given up here goes on when the gateway still writes it", () => {
  const events = [begun, hear(delta(2, "a")), start([question("m1")]), joining(question("m1")), hear(delta(3, "b"))];
  expect(brief(after(start(), ask(), accept(), ...events))).toEqual(["?Lisbon? (sent)", "=ab (open)"]);
});

test("a question that never arrived survives a reconnect, to be sent again", () => {
  const state = after(start(), ask(), reject("no_reply"), start([]));
  expect(brief(state)).toEqual(["?Lisbon? (failed)"]);
});

test("a question that did arrive is not shown twice after a reconnect", () => {
  expect(brief(after(start(), ask(), reject("no_reply"), start([question("m1")])))).toEqual(["?Lisbon? (sent)"]);
});

test("a question that is on its way keeps its place for the answer over a start", () => {
  expect(brief(after(start(), ask(), start([])))).toEqual(["?Lisbon? (sending)", "= (open)"]);
});

test("a start names the answer of a question whose acknowledgement was lost", () => {
  const before = after(start(), ask(), { type: "stopping" });
  const state = reduce(before, joining(question("m1")));
  expect(openAnswer(state)).toMatchObject({ key: openAnswer(before)?.key, answerId: "a1", stopping: true });
  expect(state.turns).toHaveLength(2);
});

test("an answer that the history already has is not opened again", () => {
  const state = after(joining(question("m1"), answer("a1", "Here.")));
  expect(brief(state)).toEqual(["?Lisbon? (sent)", "=Here. (end_turn)"]);
  expect(brief(reduce(state, begun))).toEqual(["?Lisbon? (sent)", "=Here. (end_turn)"]);
});

test("when the gateway lost the session, what was said stays in sight above a break", () => {
  const state = after(start(), ask(), accept(), begun, hear(delta(2, "a")), start([], "s2"));
  expect(brief(state)).toEqual(["?Lisbon? (sent)", "=a (interrupted)", "--"]);
  expect([state.sessionId, state.stale]).toEqual(["s2", false]);
});

test("a first start with nothing on the page makes no break", () => {
  expect(brief(after(start([question("m1"), answer("a1", "Here.")])))).toEqual(["?Lisbon? (sent)", "=Here. (end_turn)"]);
});

test("a new chat forgets everything but the model", () => {
  const state = after(start(), ask(), { type: "cleared" });
  expect(state).toEqual({ ...EMPTY, model: MODEL });
});

test("a question asked while a new session is on its way belongs to that session", () => {
  const state = after(start(), { type: "cleared" }, ask(), start([], "s2"), accept(), begun, hear(delta(2, "a")));
  expect(brief(state)).toEqual(["?Lisbon? (sent)", "=a (open)"]);
});

test("a question from another tab is shown at once, with its answer", () => {
  const state = after(start(), hear(begin(1, "m9", "a9", "Quito?")), hear(delta(2, "High ", "a9")), hear(delta(3, "up.", "a9")));
  expect(brief(state)).toEqual(["?Quito? (sent)", "=High up. (open)"]);
  expect(openAnswer(state)?.answerId).toBe("a9");
});

test("it comes above questions that have not arrived, and their answers' places", () => {
  const quito = hear(begin(1, "m9", "a9", "Quito?"));
  expect(brief(after(start(), ask(), reject(), quito))).toEqual(["?Quito? (sent)", "= (open)", "?Lisbon? (failed)"]);
  const sending = after(start(), ask(), quito, hear(delta(2, "High", "a9")));
  expect(brief(sending)).toEqual(["?Quito? (sent)", "=High (open)", "?Lisbon? (sending)", "= (open)"]);
  expect(brief(reduce(sending, reject("busy")))).toEqual(["?Quito? (sent)", "=High (open)", "?Lisbon? (failed)"]);
});

test("the history that comes then has it in the same place", () => {
  const state = after(start(), ask(), reject(), hear(begin(1, "m9", "a9", "Quito?")), hear(delta(2, "High", "a9")), hear(done(3, "end_turn", "a9")));
  const again = reduce(state, start([question("m9", "Quito?"), answer("a9", "High")]));
  expect(brief(again)).toEqual(["?Quito? (sent)", "=High (end_turn)", "?Lisbon? (failed)"]);
  expect(again.turns.map(({ key }) => key)).toEqual(state.turns.map(({ key }) => key));
});

test("an undelivered question stays below an answer that is being written, which can still be stopped", () => {
  const state = after(start(), ask("m2", "Porto?"), reject("no_reply", "m2"), joining(question("m1")));
  expect(brief(state)).toEqual(["?Lisbon? (sent)", "= (open)", "?Porto? (failed)"]);
  expect(openAnswer(state)?.answerId).toBe("a1");
});

test("an answer seen to its end stays as it was seen when the history comes again", () => {
  const before = after(start(), ask(), accept(), begun, hear(tool(2, "done")), hear(delta(3, "Half")), hear(done(4, "stopped")));
  const state = reduce(before, start([question("m1"), answer("a1", "Half")]));
  expect(state.turns[1]).toBe(before.turns[1]);
});
