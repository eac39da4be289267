// A person at the page: a real socket.io-client, websocket only.

import { randomUUID } from 'node:crypto';

import { now, within } from './clock.mjs';
import { io } from './libraries.mjs';

export class Chatter {
  constructor({ url, token, localAddress, patience }) {
    this.patience = patience;
    this.socket = io(url, {
      auth: { token },
      autoConnect: false,
      forceNew: true,
      localAddress,
      reconnection: false,
      timeout: patience.connecting,
      transports: ['websocket'],
    });
  }

  /** Connect; the milliseconds until the server let it in. */
  async connect() {
    const began = now();
    const answered = new Promise((resolve, reject) => {
      this.socket.once('connect', resolve);
      this.socket.once('connect_error', reject);
    });
    this.socket.connect();
    await within(this.patience.connecting, 'connect', answered);
    return now() - began;
  }

  /** Send an event; what its acknowledgement carries. */
  async call(event, payload) {
    const reply = await this.socket.timeout(this.patience.answering).emitWithAck(event, payload).catch(() => {
      throw new Error(`${event}: no acknowledgement`);
    });
    if (!reply.ok) throw new Error(`${event}: ${reply.error.code}`);
    return reply;
  }

  async start() {
    const began = now();
    this.sessionId = (await this.call('chat:start', {})).sessionId;
    return now() - began;
  }

  async echo(text) {
    const began = now();
    const { echo } = await this.call('echo', { text });
    if (echo.text !== text) throw new Error('echo: not what was sent');
    return now() - began;
  }

  /** Ask, and read the answer to its end; milliseconds to its acknowledgement, first token and end. */
  async ask(text) {
    const { socket, sessionId, patience } = this;
    const began = now();
    let [first, last, listen, lost] = [undefined, 0];
    const ended = new Promise((resolve, reject) => {
      listen = (event, payload) => {
        if (payload.seq === undefined) return;
        if (payload.seq !== ++last) reject(new Error('an event of the answer is missing'));
        if (event === 'chat:delta') first ??= now() - began;
        if (event === 'chat:done') resolve(payload);
      };
      lost = (reason) => reject(new Error(`disconnected: ${reason}`));
    });
    // It is awaited only once the question is acknowledged.
    ended.catch(() => {});
    socket.onAny(listen).on('disconnect', lost);
    try {
      await this.call('chat:message', { sessionId, messageId: randomUUID(), text });
      const acked = now() - began;
      const { stopReason, error } = await within(patience.answering, 'answer', ended);
      if (stopReason !== 'end_turn') throw new Error(`answer: ${error?.code ?? stopReason}`);
      return { acked, first, full: now() - began };
    } finally {
      socket.offAny(listen).off('disconnect', lost);
    }
  }

  leave() {
    this.socket.disconnect();
  }

  /** Be gone without a word. */
  vanish() {
    this.socket.io.engine?.transport?.ws?.terminate();
  }
}
