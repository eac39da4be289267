/**
 * The socket, as the page needs it: a connection that is "online" only once a session is open, that
 * comes back by itself, and that says plainly when it will not.
 *
 * Messages are sent only while online, never queued: socket.io would send a queued one before the
 * session is open again.
 */

import { io, type Socket } from "socket.io-client";
import {
  AUTH_CODES,
  NO_REPLY,
  type Ack,
  type AnswerEvent,
  type ClientToServer,
  type ErrorInfo,
  type ServerToClient,
  type Started,
} from "./protocol";

/**
 * connecting: the first attempt. online: a session is open. retrying: lost, coming back by itself.
 * refused: the gateway said no; `error` says why, and only a new token or the reader's wish helps.
 */
export type ConnectionState =
  | { kind: "connecting" | "online" | "retrying" }
  | { kind: "refused"; error: ErrorInfo };

export type ChatSocket = Socket<ServerToClient, ClientToServer>;

/** Where the session's id outlives a reload. */
export interface SessionMemory {
  read: () => string | null;
  write: (sessionId: string | null) => void;
}

export interface Listener {
  onState: (state: ConnectionState) => void;
  onStarted: (started: Started) => void;
  onEvent: (event: AnswerEvent) => void;
}

export type Outcome<T> = { ok: true; value: T } | { ok: false; error: ErrorInfo };

/** How long an acknowledgement may take, in milliseconds. */
const ACK_TIMEOUT = 10_000;
/** Pause before coming back after the gateway closed the connection, in milliseconds; up to twice that. */
const RETURN_DELAY = 1_000;

export function openSocket(token: string): ChatSocket {
  return io({
    auth: { token },
    // A websocket needs no sticky sessions; polling remains for networks that block it.
    transports: ["websocket", "polling"],
    tryAllTransports: true,
    reconnectionDelayMax: 5_000,
    timeout: 10_000,
    autoConnect: false,
  });
}

export class Connection {
  readonly #socket: ChatSocket;
  readonly #memory: SessionMemory;
  readonly #listener: Listener;
  #sessionId: string | null;
  #attempts = 0;
  #starting: Promise<void> = Promise.resolve();
  #returning: ReturnType<typeof setTimeout> | undefined;

  constructor(socket: ChatSocket, memory: SessionMemory, listener: Listener) {
    this.#socket = socket;
    this.#memory = memory;
    this.#listener = listener;
    this.#sessionId = memory.read();
    socket.on("connect", () => void this.#start());
    socket.on("disconnect", (reason) => this.#onDisconnect(reason));
    socket.on("connect_error", (error) => this.#onConnectError(error));
    socket.on("chat:delta", (payload) => listener.onEvent({ name: "chat:delta", payload }));
    socket.on("chat:tool", (payload) => listener.onEvent({ name: "chat:tool", payload }));
    socket.on("chat:offers", (payload) => listener.onEvent({ name: "chat:offers", payload }));
    socket.on("chat:done", (payload) => listener.onEvent({ name: "chat:done", payload }));
  }

  open(): void {
    this.#listener.onState({ kind: "connecting" });
    this.#socket.connect();
  }

  /** Close for good: nothing is reported any more. */
  close(): void {
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
    const outcome = await settled(this.#socket.timeout(ACK_TIMEOUT).emitWithAck("chat:message", payload));
    if (!outcome.ok && outcome.error.code === "session_not_found") void this.renew();
    // The sign-in ended while the socket was open.
    if (!outcome.ok && AUTH_CODES.has(outcome.error.code)) {
      this.#listener.onState({ kind: "refused", error: outcome.error });
    }
    return outcome;
  }

  async stop(answerId: string): Promise<Outcome<{ stopped: boolean }>> {
    if (!this.#socket.connected) return noReply();
    return settled(this.#socket.timeout(ACK_TIMEOUT).emitWithAck("chat:stop", { answerId }));
  }

  #start(): Promise<void> {
    this.#starting = this.#begin();
    return this.#starting;
  }

  async #begin(): Promise<void> {
    const attempt = ++this.#attempts;
    const wanted = this.#sessionId;
    const payload = wanted === null ? {} : { sessionId: wanted };
    const outcome = await settled(this.#socket.timeout(ACK_TIMEOUT).emitWithAck("chat:start", payload));
    // A later start, of another session or on another connection, reports for itself.
    if (attempt !== this.#attempts) return;
    if (outcome.ok) {
      this.#remember(outcome.value.sessionId);
      this.#listener.onStarted(outcome.value);
      this.#listener.onState({ kind: "online" });
    } else if (outcome.error.code === "session_not_found" && wanted !== null) {
      this.#remember(null);
      await this.#begin();
    } else if (outcome.error.code === NO_REPLY) {
      // A lost connection reports itself. One that is silent is given up, to come back afresh.
      if (this.#socket.connected) this.#socket.disconnect();
    } else {
      this.#listener.onState({ kind: "refused", error: outcome.error });
    }
  }

  #onDisconnect(reason: string): void {
    this.#listener.onState({ kind: "retrying" });
    // socket.io comes back by itself unless one side closed on purpose.
    if (reason === "io server disconnect" || reason === "io client disconnect") this.#returnLater();
  }

  #onConnectError(error: Error & { data?: Partial<ErrorInfo> }): void {
    const code = error.data?.code;
    if (code !== undefined && AUTH_CODES.has(code)) {
      this.#listener.onState({ kind: "refused", error: { code, message: error.data?.message ?? error.message } });
      return;
    }
    this.#listener.onState({ kind: "retrying" });
    if (!this.#socket.active) this.#returnLater();
  }

  #returnLater(): void {
    clearTimeout(this.#returning);
    this.#returning = setTimeout(() => this.#socket.connect(), RETURN_DELAY * (1 + Math.random()));
  }

  #remember(sessionId: string | null): void {
    this.#sessionId = sessionId;
    this.#memory.write(sessionId);
  }
}

/** An acknowledgement as a value: what the gateway said, or that it said nothing. */
async function settled<T>(reply: Promise<Ack<T>>): Promise<Outcome<T>> {
  try {
    const ack = await reply;
    return ack.ok ? { ok: true, value: ack } : { ok: false, error: ack.error };
  } catch {
    return noReply();
  }
}

function noReply<T>(): Outcome<T> {
  return { ok: false, error: { code: NO_REPLY, message: "" } };
}
