import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Bulletin } from "../src/bulletins";
import { Connection, type ConnectionState } from "../src/connection";
import { NO_REPLY, type AnswerEvent, type Started } from "../src/protocol";
import type { ChatSocket } from "../src/socket";
import { delta, done, question } from "./samples";

const MODEL = { name: "offline-demo", offline: true };
const started = (sessionId: string, answering: string | null = null) => ({
  ok: true,
  sessionId,
  title: null,
  model: MODEL,
  history: [],
  answering,
});
const refusal = (code: string) => ({ ok: false, error: { code, message: `${code}.` } });

/** A socket whose other end is the test: replies are given in order, null for none at all. */
class FakeSocket {
  connected = false;
  active = true;
  auth: object = { token: "old" };
  connects = 0;
  readonly sent: [string, unknown][] = [];
  replies: (object | null)[] = [];
  #listeners = new Map<string, (...args: never[]) => void>();

  on(name: string, listener: (...args: never[]) => void): void {
    this.#listeners.set(name, listener);
  }
  removeAllListeners(): void {
    this.#listeners.clear();
  }
  connect(): this {
    this.connects += 1;
    return this;
  }
  disconnect(): this {
    if (this.connected) this.drop("io client disconnect");
    return this;
  }
  timeout(): this {
    return this;
  }
  emitWithAck(name: string, payload: unknown): Promise<unknown> {
    this.sent.push([name, payload]);
    const reply = this.replies.shift();
    return reply == null ? Promise.reject(new Error("operation has timed out")) : Promise.resolve(reply);
  }

  hear(name: string, ...args: unknown[]): void {
    this.#listeners.get(name)?.(...(args as never[]));
  }
  async come(...replies: (object | null)[]): Promise<void> {
    this.connected = true;
    this.replies = replies;
    this.hear("connect");
    await vi.advanceTimersByTimeAsync(0);
  }
  drop(reason: string): void {
    this.connected = false;
    this.hear("disconnect", reason);
  }
}

function setUp(stored: string | null = null) {
  const socket = new FakeSocket();
  const states: ConnectionState[] = [];
  const starts: Started[] = [];
  const events: AnswerEvent[] = [];
  const missed: boolean[] = [];
  const lost: string[] = [];
  const expiring: string[] = [];
  const bulletins: Bulletin[] = [];
  const memory = { id: stored, read: () => memory.id, write: (id: string | null) => void (memory.id = id) };
  const connection = new Connection(socket as unknown as ChatSocket, memory, {
    onState: (state) => states.push(state),
    onStarted: (value) => starts.push(value),
    onEvent: (event, isMissed) => void (events.push(event), missed.push(isMissed)),
    onLost: (answerId) => lost.push(answerId),
    onExpiring: (expiresAt) => expiring.push(expiresAt),
    onBulletin: (bulletin) => bulletins.push(bulletin),
  });
  connection.open();
  const kinds = () => states.map(({ kind }) => kind);
  const hear = (...given: AnswerEvent[]) => given.forEach(({ name, payload }) => socket.hear(name, payload));
  return { socket, connection, memory, states, starts, events, missed, lost, expiring, bulletins, kinds, hear };
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

test("it is online only once a session is open, and remembers which", async () => {
  const { socket, memory, starts, kinds } = setUp();
  expect(kinds()).toEqual(["connecting"]);
  await socket.come(started("s1"));
  expect(socket.sent).toEqual([["chat:start", {}]]);
  expect(kinds()).toEqual(["connecting", "online"]);
  expect([memory.id, starts[0]?.sessionId]).toEqual(["s1", "s1"]);
});

test("a remembered session is resumed", async () => {
  const { socket } = setUp("s1");
  await socket.come(started("s1"));
  expect(socket.sent).toEqual([["chat:start", { sessionId: "s1" }]]);
});

test("a session that is gone gives way to a new one", async () => {
  const { socket, memory, kinds } = setUp("old");
  await socket.come(refusal("session_not_found"), started("s2"));
  expect(socket.sent.map(([, payload]) => payload)).toEqual([{ sessionId: "old" }, {}]);
  expect([memory.id, kinds().at(-1)]).toEqual(["s2", "online"]);
});

test("events are passed on with their name", async () => {
  const { socket, events } = setUp();
  const event = delta(1, "a");
  socket.hear(event.name, event.payload);
  expect(events).toEqual([event]);
});

test("a question goes out with its session and comes back with its answer's id", async () => {
  const { socket, connection } = setUp();
  await socket.come(started("s1"), { ok: true, answerId: "a1" });
  expect(await connection.ask("m1", "Lisbon?")).toMatchObject({ ok: true, value: { answerId: "a1" } });
  expect(socket.sent.at(-1)).toEqual(["chat:message", { sessionId: "s1", text: "Lisbon?", messageId: "m1" }]);
});

test("nothing is sent, and so nothing queued, while offline", async () => {
  const { socket, connection } = setUp("s1");
  expect(await connection.ask("m1", "Lisbon?")).toMatchObject({ ok: false, error: { code: NO_REPLY } });
  expect(await connection.stop("a1")).toMatchObject({ ok: false });
  expect(socket.sent).toEqual([]);
});

test("a refused question comes back with its reason", async () => {
  const { socket, connection } = setUp();
  await socket.come(started("s1"), refusal("busy"));
  expect(await connection.ask("m1", "Lisbon?")).toEqual({ ok: false, error: { code: "busy", message: "busy." } });
});

test("a sign-in that ended while the socket was open leads back to the login", async () => {
  const { socket, connection, states } = setUp();
  await socket.come(started("s1"), refusal("token_expired"));
  expect((await connection.ask("m1", "Lisbon?")).ok).toBe(false);
  expect(states.at(-1)).toMatchObject({ kind: "refused", error: { code: "token_expired" } });
});

test("a question to a session that is gone begins a new one", async () => {
  const { socket, connection, memory } = setUp();
  await socket.come(started("s1"), refusal("session_not_found"), started("s2"));
  expect((await connection.ask("m1", "Lisbon?")).ok).toBe(false);
  await vi.advanceTimersByTimeAsync(0);
  expect(memory.id).toBe("s2");
});

test("a new chat leaves the session, and an older start reports no more", async () => {
  const { socket, connection, starts } = setUp("s1");
  socket.connected = true;
  socket.replies = [started("s1"), started("s2")];
  socket.hear("connect");
  await connection.renew();
  expect(starts.map(({ sessionId }) => sessionId)).toEqual(["s2"]);
});

test("a question asked right after a new chat waits for its session", async () => {
  const { socket, connection } = setUp();
  await socket.come(started("s1"), started("s2"), { ok: true, answerId: "a1" });
  void connection.renew();
  expect((await connection.ask("m1", "Lisbon?")).ok).toBe(true);
  expect(socket.sent.at(-1)).toEqual(["chat:message", { sessionId: "s2", text: "Lisbon?", messageId: "m1" }]);
});

test.each(["token_missing", "token_invalid", "token_expired", "token_revoked"])("%s is a refusal that no retry follows", async (code) => {
  const { socket, states } = setUp();
  socket.active = false;
  socket.hear("connect_error", Object.assign(new Error("No."), { data: { code, message: "Sign in." } }));
  await vi.advanceTimersByTimeAsync(60_000);
  expect(states.at(-1)).toEqual({ kind: "refused", error: { code, message: "Sign in." } });
  expect(socket.connects).toBe(1);
});

test("a network error leaves the coming back to socket.io", async () => {
  const { socket, kinds } = setUp();
  socket.hear("connect_error", new Error("websocket error"));
  await vi.advanceTimersByTimeAsync(60_000);
  expect([kinds().at(-1), socket.connects]).toEqual(["retrying", 1]);
});

test("any other refusal says why, and is tried again after a pause", async () => {
  const { socket, states } = setUp();
  socket.active = false;
  socket.hear("connect_error", Object.assign(new Error("Full."), { data: { code: "draining" } }));
  expect(states.at(-1)).toEqual({ kind: "retrying", error: { code: "draining", message: "Full." } });
  expect(socket.connects).toBe(1);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(socket.connects).toBe(2);
});

test("a connection that the gateway closed comes back after a pause, to the same session", async () => {
  const { socket, kinds } = setUp();
  await socket.come(started("s1"));
  socket.drop("io server disconnect");
  await vi.advanceTimersByTimeAsync(2_000);
  expect(socket.connects).toBe(2);
  await socket.come(started("s1"));
  expect(kinds()).toEqual(["connecting", "online", "retrying", "online"]);
  expect(socket.sent.at(-1)).toEqual(["chat:start", { sessionId: "s1" }]);
});

test("a lost connection comes back by socket.io's own doing", async () => {
  const { socket, kinds } = setUp();
  await socket.come(started("s1"));
  socket.drop("transport close");
  await vi.advanceTimersByTimeAsync(60_000);
  expect([kinds().at(-1), socket.connects]).toEqual(["retrying", 1]);
});

test("a gateway that does not answer the start is left and tried afresh", async () => {
  const { socket, kinds } = setUp();
  await socket.come(null);
  expect(kinds()).toEqual(["connecting", "retrying"]);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(socket.connects).toBe(2);
});

test("a start that is refused for good says why, and can be tried again", async () => {
  const { socket, connection, states, kinds } = setUp();
  await socket.come(refusal("internal"), started("s1"));
  expect(states.at(-1)).toEqual({ kind: "refused", error: { code: "internal", message: "internal." } });
  connection.retry();
  await vi.advanceTimersByTimeAsync(0);
  expect(kinds().at(-1)).toBe("online");
});

test("a closed connection reports nothing and does not come back", async () => {
  const { socket, connection, kinds } = setUp();
  await socket.come(started("s1"));
  socket.drop("io server disconnect");
  connection.close();
  await vi.advanceTimersByTimeAsync(60_000);
  socket.hear("connect");
  expect([kinds().length, socket.connects]).toEqual([3, 1]);
});

test("without a network it is offline at once, and tries to come back all the same", async () => {
  const { socket, connection, kinds } = setUp();
  await socket.come(started("s1"));
  connection.networkLost();
  expect([kinds().at(-1), socket.connects]).toEqual(["retrying", 1]);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(socket.connects).toBe(2);
});

test("with a network again it comes back at once, unless it is there already", async () => {
  const { socket, connection } = setUp();
  await socket.come(started("s1"));
  connection.networkBack();
  expect(socket.connects).toBe(1);
  connection.networkLost();
  connection.networkBack();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(socket.connects).toBe(2);
});

const FOUND = { ok: true, found: true };

test("an answer that is being written is followed from its beginning", async () => {
  const { socket } = setUp("s1");
  await socket.come(started("s1", "a1"), FOUND);
  expect(socket.sent.at(-1)).toEqual(["chat:resume", { answerId: "a1", after: 0 }]);
});

test("after a lost connection it is followed from where it was left", async () => {
  const { socket, hear } = setUp("s1");
  await socket.come(started("s1"));
  hear(question(1), delta(2, "a"), delta(3, "b"));
  socket.drop("transport close");
  await socket.come(started("s1", "a1"), FOUND);
  expect(socket.sent.at(-1)).toEqual(["chat:resume", { answerId: "a1", after: 3 }]);
});

test("another answer is followed from its own beginning", async () => {
  const { socket, hear } = setUp("s1");
  await socket.come(started("s1"));
  hear(question(1), delta(2, "a"));
  socket.drop("transport close");
  await socket.come(started("s1", "a2"), FOUND);
  expect(socket.sent.at(-1)).toEqual(["chat:resume", { answerId: "a2", after: 0 }]);
});

test("nothing is resumed where nothing is being written", async () => {
  const { socket } = setUp("s1");
  await socket.come(started("s1"));
  expect(socket.sent.map(([name]) => name)).toEqual(["chat:start"]);
});

test("what comes before the start's acknowledgement is passed on after the history", async () => {
  const { socket, starts, events, hear } = setUp("s1");
  socket.connected = true;
  socket.replies = [started("s1", "a1"), FOUND];
  socket.hear("connect");
  hear(question(1), delta(2, "a"));
  expect([starts.length, events.length]).toEqual([0, 0]);
  await vi.advanceTimersByTimeAsync(0);
  expect([starts.length, events]).toEqual([1, [question(1), delta(2, "a")]]);
  expect(socket.sent.at(-1)).toEqual(["chat:resume", { answerId: "a1", after: 2 }]);
});

test("what comes of a chat that is being left is not passed on to the new one", async () => {
  const { socket, connection, events, hear } = setUp("s1");
  await socket.come(started("s1"), started("s2"));
  const renewed = connection.renew();
  hear(question(1), delta(2, "a"));
  await renewed;
  expect(events).toEqual([]);
});

test("what was missed is marked as such, what comes then is not", async () => {
  const { socket, missed, hear } = setUp("s1");
  await socket.come(started("s1"));
  hear(question(1));
  socket.drop("transport close");
  socket.connected = true;
  let found = (_: object) => {};
  socket.emitWithAck = (name) =>
    name === "chat:start" ? Promise.resolve(started("s1", "a1")) : new Promise((resolve) => (found = resolve));
  socket.hear("connect");
  await vi.advanceTimersByTimeAsync(0);
  hear(delta(2, "a"));
  found(FOUND);
  await vi.advanceTimersByTimeAsync(0);
  hear(delta(3, "b"), done(4));
  expect(missed).toEqual([false, true, false, false]);
});

test("an answer that cannot be resumed is told once, and not tried again", async () => {
  const { socket, connection, lost, starts } = setUp("s1");
  await socket.come(started("s1", "a1"), { ok: true, found: false }, started("s1", "a1"));
  expect(lost).toEqual(["a1"]);
  await connection.refresh();
  expect([socket.sent.length, lost, starts.at(-1)?.answering]).toEqual([3, ["a1"], null]);
});

test.each([null, refusal("unavailable")])("a connection on which nothing can be resumed is left, and comes back", async (reply) => {
  const { socket, kinds } = setUp("s1");
  await socket.come(started("s1", "a1"), reply);
  expect([socket.connected, kinds().at(-1)]).toEqual([false, "retrying"]);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(socket.connects).toBe(2);
});

test.each(["unavailable", "draining", "rate_limited", "busy"])("a start refused as %s says so, and is tried again by itself", async (code) => {
  const { socket, states, kinds } = setUp("s1");
  await socket.come(refusal(code));
  expect(states.at(-1)).toEqual({ kind: "retrying", error: { code, message: `${code}.` } });
  await vi.advanceTimersByTimeAsync(2_000);
  await socket.come(started("s1"));
  expect([kinds().at(-1), socket.connects]).toEqual(["online", 2]);
});

test("the pause grows with each refusal, up to a bound, and a start ends that", async () => {
  const { socket } = setUp("s1");
  socket.active = false;
  const pauses: number[] = [];
  const refused = async () => {
    const [connects, since] = [socket.connects, Date.now()];
    socket.hear("connect_error", Object.assign(new Error("No."), { data: { code: "rate_limited" } }));
    while (socket.connects === connects) await vi.advanceTimersByTimeAsync(100);
    pauses.push(Date.now() - since);
  };
  vi.spyOn(Math, "random").mockReturnValue(0);
  for (let time = 0; time < 6; time += 1) await refused();
  await socket.come(started("s1"));
  await refused();
  expect(pauses).toEqual([1_000, 2_000, 4_000, 4_000, 4_000, 4_000, 1_000]);
  vi.restoreAllMocks();
});

test("a gateway that is about to end is left within a moment, for the same session and answer", async () => {
  const { socket, kinds, hear } = setUp("s1");
  await socket.come(started("s1"));
  hear(question(1), delta(2, "a"));
  socket.hear("server:draining", { within: 20 });
  await vi.advanceTimersByTimeAsync(3_000);
  expect([socket.connected, socket.connects, kinds().at(-1)]).toEqual([false, 2, "retrying"]);
  await socket.come(started("s1", "a1"), FOUND);
  expect(socket.sent.at(-1)).toEqual(["chat:resume", { answerId: "a1", after: 2 }]);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(socket.connects).toBe(2);
});

test("pages do not all leave it at once, nor later than it ends", async () => {
  for (const [random, within, delay] of [[0.5, 20, 1_500], [0.9, 20, 2_700], [0.5, 1, 500]] as const) {
    vi.spyOn(Math, "random").mockReturnValue(random);
    const { socket } = setUp("s1");
    await socket.come(started("s1"));
    socket.hear("server:draining", { within });
    await vi.advanceTimersByTimeAsync(delay - 1);
    expect(socket.connects).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(socket.connects).toBe(2);
    vi.restoreAllMocks();
  }
});

test.each([
  ["auth:expired", "token_expired"],
  ["auth:revoked", "token_revoked"],
])("%s ends the connection for good, with the reason", async (event, code) => {
  const { socket, states, kinds } = setUp("s1");
  await socket.come(started("s1"));
  socket.hear(event);
  socket.drop("io server disconnect");
  await vi.advanceTimersByTimeAsync(60_000);
  expect([kinds(), socket.connects]).toEqual([["connecting", "online", "refused"], 1]);
  expect(states.at(-1)).toMatchObject({ error: { code } });
});

test("a token that is about to end is told, and a newer one keeps the socket and all that follow", async () => {
  const { socket, connection, expiring } = setUp("s1");
  await socket.come(started("s1"), { ok: true, expiresAt: "2026-11-22T13:00:00Z" });
  socket.hear("auth:expiring", { expiresAt: "2026-11-22T12:01:00Z" });
  expect(expiring).toEqual(["2026-11-22T12:01:00Z"]);
  expect((await connection.renewToken("new")).ok).toBe(true);
  expect([socket.sent.at(-1), socket.auth]).toEqual([["auth:refresh", { token: "new" }], { token: "new" }]);
});

test("a newer token that comes while offline serves when the connection is back", async () => {
  const { socket, connection } = setUp("s1");
  expect((await connection.renewToken("new")).ok).toBe(false);
  expect([socket.sent, socket.auth]).toEqual([[], { token: "new" }]);
});

test("a newer token that is refused ends the connection", async () => {
  const { socket, connection, states } = setUp("s1");
  await socket.come(started("s1"), refusal("token_revoked"));
  await connection.renewToken("new");
  expect(states.at(-1)).toMatchObject({ kind: "refused", error: { code: "token_revoked" } });
});

test("what the gateway has to say is passed on", () => {
  const { socket, bulletins } = setUp();
  const at = "2026-11-22T12:00:00Z";
  socket.hear("server:notice", { id: "n1", level: "warning", text: "Slow today.", at });
  socket.hear("user:message", { id: "n2", text: "Hello, Ana.", at });
  socket.hear("server:disconnected", { code: "disconnected", message: "House-keeping." });
  expect(bulletins).toEqual([
    { id: "n1", kind: "warning", text: "Slow today." },
    { id: "n2", kind: "message", text: "Hello, Ana." },
    { id: "disconnected", kind: "disconnected", text: "House-keeping." },
  ]);
});

test("a session that is deleted elsewhere gives way to a new one; another's deletion does not matter", async () => {
  const { socket, memory } = setUp("s1");
  await socket.come(started("s1"), started("s2"));
  socket.hear("chat:deleted", { sessionId: "s9" });
  expect(socket.sent).toHaveLength(1);
  socket.hear("chat:deleted", { sessionId: "s1" });
  await vi.advanceTimersByTimeAsync(0);
  expect([socket.sent.at(-1), memory.id]).toEqual([["chat:start", {}], "s2"]);
});
