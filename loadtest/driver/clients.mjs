// What the clients of one process can be told to do. Every answer has `errors`, counted by what they say.

import { Chatter } from './chatter.mjs';
import { Errors, after, now } from './clock.mjs';
import { Sitter } from './sitter.mjs';
import { signed } from './token.mjs';

const PATIENCE_MS = { connecting: 10_000, answering: 60_000 };
const TEXT = 'x'.repeat(64);

export class Clients {
  constructor({ url, secret, number, workers, addresses }) {
    Object.assign(this, { url, secret, number, workers, addresses });
    this.made = 0;
    this.connected = new Set();
  }

  /**
   * Connect `count` more, either evenly over `over` milliseconds or with at most `window` on their way.
   * `sitters` do nothing afterwards; others start a chat and echo once, if `start` is set.
   */
  async connect({ count, over = 0, window = Infinity, sitters = false, start = false }) {
    const [errors, connect, started, echo] = [new Errors(), [], [], []];
    const made = Array.from({ length: count }, () => this.#make(sitters ? Sitter : Chatter));
    const one = async (client) => {
      try {
        connect.push(await client.connect());
        this.connected.add(client);
        if (!start) return;
        started.push(await client.start());
        echo.push(await client.echo(TEXT));
      } catch (error) {
        errors.note(error);
        client.leave();
      }
    };
    await (over ? spread(made, over, one) : windowed(made, window, one));
    return { asked: count, errors: errors.seen, connect, start: started, echo };
  }

  /** Echo for so many `seconds`: `rate` a second of all together, or each again once it has its answer. */
  async echo({ seconds, rate = 0 }) {
    const [errors, echo] = [new Errors(), []];
    const clients = [...this.connected];
    const end = now() + seconds * 1000;
    const once = async (client) => {
      try {
        echo.push(await client.echo(TEXT));
        return true;
      } catch (error) {
        errors.note(error);
        return false;
      }
    };
    const again = async (client) => {
      while (now() < end && (await once(client)));
    };
    const turns = Array.from({ length: seconds * rate }, (_, turn) => clients[turn % clients.length]);
    await (rate ? spread(turns, seconds * 1000, once) : Promise.all(clients.map(again)));
    return { errors: errors.seen, echo };
  }

  /** All ask, `text` being theirs in turn, evenly over so many milliseconds, and read the answer. */
  async ask({ texts, over }) {
    const [errors, acked, first, full] = [new Errors(), [], [], []];
    const asked = this.connected.size;
    let turn = this.number;
    await spread([...this.connected], over, async (client) => {
      const text = texts[turn % texts.length];
      turn += this.workers;
      try {
        const took = await client.ask(text);
        acked.push(took.acked);
        full.push(took.full);
        if (took.first !== undefined) first.push(took.first);
      } catch (error) {
        errors.note(error);
      }
    });
    return { asked, errors: errors.seen, acked, first, full };
  }

  /** All leave, as pages that are closed do. */
  async leave() {
    for (const client of this.connected) client.leave();
    this.connected.clear();
    return {};
  }

  /** All are gone at once, as behind a cable that is cut. */
  async vanish() {
    for (const client of this.connected) client.vanish();
    this.connected.clear();
    return {};
  }

  #make(Kind) {
    const index = this.made++ * this.workers + this.number;
    // A pair of addresses has some 28,000 ports.
    const localAddress = `127.0.0.${1 + (index % this.addresses)}`;
    const token = signed(`u${index}`, this.secret);
    return new Kind({ url: this.url, token, localAddress, patience: PATIENCE_MS });
  }
}

/** Do `one` for each, begun evenly over so many milliseconds; late ones are begun at once, none left out. */
async function spread(all, over, one) {
  const began = now();
  const under = [];
  for (const [index, each] of all.entries()) {
    const early = began + (index * over) / all.length - now();
    if (early > 1) await after(early);
    under.push(one(each));
  }
  await Promise.all(under);
}

/** Do `one` for each, at most `most` at a time. */
async function windowed(all, most, one) {
  const left = all.values();
  const lane = async () => {
    for (const each of left) await one(each);
  };
  await Promise.all(Array.from({ length: Math.min(most, all.length) }, lane));
}
