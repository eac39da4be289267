import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Connection, type ChatSocket, type ConnectionState } from "../src/connection";
import { NO_REPLY, type AnswerEvent, type Started } from "../src/protocol";
import { delta } from "./samples";

const MODEL = { name: "offline-demo", offline: true };
const started = (sessionId: string) => ({ ok: true, sessionId, model: MODEL, history: [], answering: null });
const refusal = (code: string) => ({ ok: false, error: { code, message: `${code}.` } });

/** A socket whose other end is the test: replies are given in order, null for none at all. */
class FakeSocket {
  connected = false;
  active = true;
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
  const memory = { id: stored, read: () => memory.id, write: (id: string | null) => void (memory.id = id) };
  const connection = new Connection(socket as unknown as ChatSocket, memory, {
    onState: (state) => states.push(state),
    onStarted: (value) => starts.push(value),
    onEvent: (event) => events.push(event),
  });
  connection.open();
  const kinds = () => states.map(({ kind }) => kind);
  return { socket, connection, memory, states, starts, events, kinds };
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

test.each(["token_missing", "token_invalid", "token_expired"])("%s is a refusal that no retry follows", async (code) => {
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

test("any other refusal is tried again after a pause", async () => {
  const { socket } = setUp();
  socket.active = false;
  socket.hear("connect_error", Object.assign(new Error("Full."), { data: { code: "draining" } }));
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
