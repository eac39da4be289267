// Who is connected and does nothing: a raw websocket that costs this side as little as can be.

import { now, within } from './clock.mjs';
import { WebSocket } from './libraries.mjs';

export class Sitter {
  constructor({ url, token, localAddress, patience }) {
    this.url = `${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`;
    this.token = token;
    this.localAddress = localAddress;
    this.patience = patience;
  }

  /** Connect as a browser would, compression offered; the milliseconds until the server let it in. */
  async connect() {
    const began = now();
    const socket = new WebSocket(this.url, { localAddress: this.localAddress, perMessageDeflate: true });
    this.socket = socket;
    const answered = new Promise((resolve, reject) => {
      socket.on('error', reject);
      socket.on('close', () => reject(new Error('closed during the handshake')));
      socket.on('message', (data) => {
        const text = data.toString();
        if (text === '2') socket.send('3');
        else if (text.startsWith('40')) resolve();
        else if (text.startsWith('44')) reject(new Error(JSON.parse(text.slice(2)).message));
        else if (text.startsWith('0')) socket.send(`40${JSON.stringify({ token: this.token })}`);
      });
    });
    await within(this.patience.connecting, 'connect', answered);
    return now() - began;
  }

  leave() {
    this.socket?.close();
  }

  vanish() {
    this.socket?.terminate();
  }
}
