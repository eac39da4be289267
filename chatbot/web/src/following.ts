/** Which events of answers have come, so that an answer goes on where it was left. */

import type { AnswerEvent } from "./protocol";

/** Hears each event; one that was `missed` is sent again, and has happened a while ago. */
export type Follower = (event: AnswerEvent, missed: boolean) => void;

export class Following {
  readonly #follower: Follower;
  /** What comes while a start is under way: it belongs behind the history. Null while none is. */
  #held: AnswerEvent[] | null = null;
  #last: { answerId: string; seq: number } | null = null;
  #catchingUp = false;
  #lost: string | null = null;

  constructor(follower: Follower) {
    this.#follower = follower;
  }

  hear(event: AnswerEvent): void {
    if (this.#held === null) this.#pass(event);
    else this.#held.push(event);
  }

  /** A session is being started. What an earlier start has held, this one's history has, or it is resumed. */
  hold(): void {
    this.#held = [];
    this.#catchingUp = false;
  }

  /** The start is answered. What has come since is passed on if it `belongs` to the session. */
  release(belongs: boolean): void {
    const held = this.#held ?? [];
    this.#held = null;
    if (belongs) for (const event of held) this.#pass(event);
  }

  /** An answer is being resumed: the number of the last event that has come of it, 0 for none. */
  resume(answerId: string): number {
    this.#catchingUp = true;
    return this.#last?.answerId === answerId ? this.#last.seq : 0;
  }

  /** All that was missed of it has come. */
  resumed(): void {
    this.#catchingUp = false;
  }

  /** It cannot be resumed: the gateway knows it no more. */
  lose(answerId: string): void {
    this.#catchingUp = false;
    this.#lost = answerId;
  }

  /** Whether it makes no sense to resume it again. */
  hasLost(answerId: string): boolean {
    return this.#lost === answerId;
  }

  #pass(event: AnswerEvent): void {
    this.#last = { answerId: event.payload.answerId, seq: event.payload.seq };
    this.#follower(event, this.#catchingUp);
  }
}
