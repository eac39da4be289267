/**
 * The socket, as the page needs it: a connection that is "online" only once a session is open, that
 * comes back by itself, and that says plainly when it will not.
 *
 * Messages are sent only while online, never queued: socket.io would send a queued one before the
 * session is open again.
 */

import type { Bulletin } from "./bulletins";
import { Following, type Follower } from "./following";
import {
  AUTH_CODES,
  NO_REPLY,
  PASSING_CODES,
  type Ack,
  type ErrorInfo,
  type Started,
} from "./protocol";
import type { ChatSocket } from "./socket";

/**
 * connecting: the first attempt. online: a session is open. retrying: lost, or put off for the reason in
 * `error`, and coming back by itself. refused: the gateway said no; `error` says why, and only a new token or
 * the reader's wish helps.
 */
export type ConnectionState =
  | { kind: "connecting" | "online" }
  | { kind: "retrying"; error: ErrorInfo | null }
  | { kind: "refused"; error: ErrorInfo };

/** Where the session's id outlives a reload. */
export interface SessionMemory {
  read: () => string | null;
  write: (sessionId: string | null) => void;
}

export interface Listener {
  onState: (state: ConnectionState) => void;
  onStarted: (started: Started) => void;
  onEvent: Follower;
  /** The gateway knows the answer no more that it was said to write: the history may have it. */
  onLost: (answerId: string) => void;
  /** The token ends at this moment; give a newer one to `renewToken`. */
  onExpiring: (expiresAt: string) => void;
  onBulletin: (bulletin: Bulletin) => void;
}

export type Outcome<T> = { ok: true; value: T } | { ok: false; error: ErrorInfo };

/** How long an acknowledgement may take, in milliseconds. */
const ACK_TIMEOUT = 10_000;
/** Pause before coming back after the gateway closed the connection, in milliseconds; up to twice that. */
const RETURN_DELAY = 1_000;
/** The pause doubles with each refusal, so often at most. */
const MOST_DOUBLINGS = 2;
/** Within this time, in milliseconds, the pages of a gateway that is about to end come back, not all at once. */
const MOVING_TIME = 3_000;

export class Connection {
  readonly #socket: ChatSocket;
  readonly #memory: SessionMemory;
  readonly #listener: Listener;
  readonly #following: Following;
  #sessionId: string | null;
  #attempts = 0;
  #starting: Promise<void> = Promise.resolve();
  #returning: ReturnType<typeof setTimeout> | undefined;
  /** Refusals that pass by themselves, since the last start. */
  #refusals = 0;

  constructor(socket: ChatSocket, memory: SessionMemory, listener: Listener) {
    this.#socket = socket;
    this.#memory = memory;
    this.#listener = listener;
    this.#following = new Following(listener.onEvent);
    this.#sessionId = memory.read();
    socket.on("connect", () => void this.#start());
    socket.on("disconnect", (reason) => this.#onDisconnect(reason));
    socket.on("connect_error", (error) => this.#onConnectError(error));
    socket.on("chat:question", (payload) => this.#following.hear({ name: "chat:question", payload }));
    socket.on("chat:delta", (payload) => this.#following.hear({ name: "chat:delta", payload }));
    socket.on("chat:tool", (payload) => this.#following.hear({ name: "chat:tool", payload }));
    socket.on("chat:offers", (payload) => this.#following.hear({ name: "chat:offers", payload }));
    socket.on("chat:reset", (payload) => this.#following.hear({ name: "chat:reset", payload }));
    socket.on("chat:done", (payload) => this.#following.hear({ name: "chat:done", payload }));
    socket.on("chat:deleted", ({ sessionId }) => {
      if (sessionId === this.#sessionId) void this.renew();
    });
    socket.on("auth:expiring", ({ expiresAt }) => listener.onExpiring(expiresAt));
    socket.on("auth:expired", () => this.#signOut({ code: "token_expired", message: "" }));
    socket.on("auth:revoked", () => this.#signOut({ code: "token_revoked", message: "" }));
    socket.on("server:draining", ({ within }) => this.#move(within));
    socket.on("server:disconnected", ({ code, message }) => listener.onBulletin({ id: code, kind: "disconnected", text: message }));
    socket.on("server:notice", ({ id, level, text }) => listener.onBulletin({ id, kind: level, text }));
    socket.on("user:message", ({ id, text }) => listener.onBulletin({ id, kind: "message", text }));
  }

  open(): void {
    this.#listener.onState({ kind: "connecting" });
    this.#socket.connect();
  }

  /** Close for good: nothing is reported any more. */
  close(): void {
    this.#attempts += 1;
    clearTimeout(this.#returning);
    this.#socket.removeAllListeners();
    this.#socket.disconnect();
  }

  /** Try again after a refusal, or at once: disconnecting first ends socket.io's own pause. */
  retry(): void {
    clearTimeout(this.#returning);
    this.#listener.onState({ kind: "connecting" });
    if (this.#socket.connected) void this.#start();
    else this.#socket.disconnect().connect();
  }

  /**
   * The browser lost its network, which the socket itself would notice only by a missing ping. A gateway on
   * this machine is still there, so coming back is tried all the same.
   */
  networkLost(): void {
    if (this.#socket.connected) this.#socket.disconnect();
  }

  /** The browser has a network again: come back at once. */
  networkBack(): void {
    if (!this.#socket.connected) this.retry();
  }

  /** Fetch the session's history again. */
  async refresh(): Promise<void> {
    if (this.#socket.connected) await this.#start();
  }

  /** Leave the session and begin another. */
  async renew(): Promise<void> {
    this.#remember(null);
    if (this.#socket.connected) await this.#start();
  }

  /** Send a question. A repeated `messageId` is recognised by the gateway. */
  async ask(messageId: string, text: string): Promise<Outcome<{ answerId: string }>> {
    // Right after a new chat was begun, its session is still on the way.
    await this.#starting;
    if (!this.#socket.connected || this.#sessionId === null) return noReply();
    const payload = { sessionId: this.#sessionId, text, messageId };
    const outcome = await this.#settled(this.#patient.emitWithAck("chat:message", payload));
    if (!outcome.ok && outcome.error.code === "session_not_found") void this.renew();
    return outcome;
  }

  async stop(answerId: string): Promise<Outcome<{ stopped: boolean }>> {
    if (!this.#socket.connected) return noReply();
    return this.#settled(this.#patient.emitWithAck("chat:stop", { answerId }));
  }

  /** Stay with a newer token of the same user, now and whenever the connection has to come back. */
  async renewToken(token: string): Promise<Outcome<{ expiresAt: string }>> {
    this.#socket.auth = { token };
    if (!this.#socket.connected) return noReply();
    return this.#settled(this.#patient.emitWithAck("auth:refresh", { token }));
  }

  get #patient() {
    return this.#socket.timeout(ACK_TIMEOUT);
  }

  #start(): Promise<void> {
    this.#starting = this.#begin();
    return this.#starting;
  }

  async #begin(): Promise<void> {
    const attempt = ++this.#attempts;
    const wanted = this.#sessionId;
    const payload = wanted === null ? {} : { sessionId: wanted };
    this.#following.hold();
    const outcome = await this.#settled(this.#patient.emitWithAck("chat:start", payload));
    // A later start, of another session or on another connection, reports for itself.
    if (attempt !== this.#attempts) return;
    if (outcome.ok) {
      // What came to a new session is of the one that was left: nobody has asked here yet.
      this.#enter(outcome.value, wanted !== null);
    } else if (outcome.error.code === "session_not_found" && wanted !== null) {
      this.#remember(null);
      await this.#begin();
    } else if (outcome.error.code === NO_REPLY || PASSING_CODES.has(outcome.error.code)) {
      this.#giveUp(outcome.error);
    } else {
      this.#listener.onState({ kind: "refused", error: outcome.error });
    }
  }

  #enter(started: Started, isKnown: boolean): void {
    const answering = started.answering !== null && this.#following.hasLost(started.answering) ? null : started.answering;
    this.#refusals = 0;
    this.#remember(started.sessionId);
    this.#listener.onStarted({ ...started, answering });
    this.#listener.onState({ kind: "online" });
    this.#following.release(isKnown);
    if (answering !== null) void this.#resume(answering);
  }

  /** Follow an answer from where it was left, or from its beginning. */
  async #resume(answerId: string): Promise<void> {
    const attempt = this.#attempts;
    const after = this.#following.resume(answerId);
    const outcome = await this.#settled(this.#patient.emitWithAck("chat:resume", { answerId, after }));
    if (attempt !== this.#attempts) return;
    if (!outcome.ok) return this.#giveUp(outcome.error);
    if (outcome.value.found) return this.#following.resumed();
    this.#following.lose(answerId);
    this.#listener.onLost(answerId);
  }

  /** A connection that is of no use, to come back afresh. A lost one reports itself. */
  #giveUp(error: ErrorInfo): void {
    if (!this.#socket.connected) return;
    this.#socket.disconnect();
    this.#refusals += 1;
    if (error.code !== NO_REPLY) this.#listener.onState({ kind: "retrying", error });
  }

  /** This gateway is about to end: go to another, or wait until it is back. */
  #move(within: number): void {
    clearTimeout(this.#returning);
    const delay = Math.random() * Math.min(within * 1_000, MOVING_TIME);
    this.#returning = setTimeout(() => {
      this.#socket.disconnect();
      clearTimeout(this.#returning);
      this.#socket.connect();
    }, delay);
  }

  /** No retry helps: the sign-in holds no longer. */
  #signOut(error: ErrorInfo): void {
    this.close();
    this.#listener.onState({ kind: "refused", error });
  }

  #onDisconnect(reason: string): void {
    this.#listener.onState({ kind: "retrying", error: null });
    // socket.io comes back by itself unless one side closed on purpose.
    if (reason === "io server disconnect" || reason === "io client disconnect") this.#returnLater();
  }

  #onConnectError(error: Error & { data?: Partial<ErrorInfo> }): void {
    const code = error.data?.code;
    const refusal = code === undefined ? null : { code, message: error.data?.message ?? error.message };
    if (refusal !== null && AUTH_CODES.has(refusal.code)) return this.#signOut(refusal);
    this.#listener.onState({ kind: "retrying", error: refusal });
    if (this.#socket.active) return;
    this.#returnLater();
    this.#refusals += 1;
  }

  #returnLater(): void {
    clearTimeout(this.#returning);
    const delay = RETURN_DELAY * 2 ** Math.min(this.#refusals, MOST_DOUBLINGS) * (1 + Math.random());
    this.#returning = setTimeout(() => this.#socket.connect(), delay);
  }

  #remember(sessionId: string | null): void {
    this.#sessionId = sessionId;
    this.#memory.write(sessionId);
  }

  /** An acknowledgement as a value: what the gateway said, or that it said nothing. */
  async #settled<T>(reply: Promise<Ack<T>>): Promise<Outcome<T>> {
    const ack = await reply.catch(() => null);
    if (ack === null) return noReply();
    if (ack.ok) return { ok: true, value: ack };
    // The sign-in ended while the socket was open.
    if (AUTH_CODES.has(ack.error.code)) this.#signOut(ack.error);
    return { ok: false, error: ack.error };
  }
}

function noReply<T>(): Outcome<T> {
  return { ok: false, error: { code: NO_REPLY, message: "" } };
}
