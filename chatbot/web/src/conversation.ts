/**
 * The conversation as the page shows it: a pure function from what happened to what is so.
 *
 * A question is followed by its answer. The answer stands there from the moment the question is sent,
 * without a name until the gateway gives it one: with the acknowledgement or with `chat:question`, whichever
 * comes first. A question from another tab comes with `chat:question` alone. Events of answers that the page
 * does not know belong to a conversation that it has left.
 */

import { applyEvent, close, newAnswer, recordedAnswer, type Answer, type Arrival } from "./answer";
import type { Asked, ErrorInfo, HistoryItem, ModelInfo, Started } from "./protocol";

export interface Question {
  kind: "question";
  key: string;
  messageId: string;
  text: string;
  delivery: "sending" | "sent" | "failed";
  error: ErrorInfo | null;
}

/** The gateway no longer has the session: what stands above is not part of the conversation any more. */
export interface Break {
  kind: "break";
  key: string;
}

export type Turn = Question | Answer | Break;

export interface Conversation {
  sessionId: string | null;
  model: ModelInfo | null;
  turns: readonly Turn[];
  /** The gateway's history may know more than is shown here; it should be fetched. */
  stale: boolean;
}

export type Action =
  | ({ type: "started"; now: number } & Started)
  | { type: "asked"; messageId: string; text: string }
  | { type: "accepted"; messageId: string; answerId: string }
  | { type: "rejected"; messageId: string; error: ErrorInfo }
  | ({ type: "event" } & Arrival)
  /** The gateway knows an answer no more that was being written. */
  | { type: "lost"; answerId: string }
  | { type: "stopping" }
  | { type: "stop-failed" }
  | { type: "cleared" };

export const EMPTY: Conversation = { sessionId: null, model: null, turns: [], stale: false };

/** The answer that is being written, if any. Only questions that were not delivered may follow it. */
export function openAnswer(state: Conversation): Answer | null {
  const open = state.turns.findLast((turn) => turn.kind === "answer" && turn.ending === null);
  return open?.kind === "answer" ? open : null;
}

export function reduce(state: Conversation, action: Action): Conversation {
  switch (action.type) {
    case "started":
      return started(state, action);
    case "asked":
      return asked(state, action.messageId, action.text);
    case "accepted":
      return accepted(state, action.messageId, action.answerId);
    case "rejected":
      return rejected(state, action.messageId, action.error);
    case "event":
      return received(state, action);
    case "lost":
      return lost(state, action.answerId);
    case "stopping":
      return onOpenAnswer(state, (answer) => ({ ...answer, stopping: true }));
    case "stop-failed":
      return onOpenAnswer(state, (answer) => ({ ...answer, stopping: false }));
    case "cleared":
      return { ...EMPTY, model: state.model };
  }
}

function started(state: Conversation, action: Started & { now: number }): Conversation {
  const { sessionId, model, history, answering, now } = action;
  const recorded = history.map((item, index) => turnOf(item, index, state.turns, now));
  // Without a session there is only what was asked while this one was on its way.
  const same = state.sessionId === null || state.sessionId === sessionId;
  const rest = same ? unrecorded(state.turns, recorded) : [];
  const followed = answering === null ? [...recorded, ...rest] : joined(answering, recorded, rest);
  // Nobody writes it any more; its end may be in the history by now.
  const isLost = (turn: Turn): turn is Answer => isOpen(turn) && turn.answerId !== null && turn.answerId !== answering;
  const turns = followed.map((turn) => (isLost(turn) ? close(turn, "interrupted") : turn));
  return { sessionId, model, turns: [...(same ? [] : ended(state)), ...turns], stale: followed.some(isLost) };
}

/** Record and rest, with the answer that is being written to the last recorded question in its place. */
function joined(answerId: string, recorded: readonly Turn[], rest: readonly Turn[]): Turn[] {
  const turns = [...recorded, ...rest];
  if (turns.some((turn) => turn.kind === "answer" && turn.answerId === answerId)) {
    // It may have been given up here, but is alive.
    return turns.map((turn) =>
      turn.kind === "answer" && turn.answerId === answerId && turn.ending?.reason === "interrupted"
        ? { ...turn, ending: null }
        : turn,
    );
  }
  const question = recorded.at(-1);
  const [next, ...others] = rest;
  if (next?.kind === "answer" && question?.kind === "question" && next.key === answerKey(question.messageId)) {
    return [...recorded, { ...next, answerId }, ...others];
  }
  return [...recorded, newAnswer(answerId, answerId), ...rest];
}

function asked(state: Conversation, messageId: string, text: string): Conversation {
  const question: Question = { kind: "question", key: messageId, messageId, text, delivery: "sending", error: null };
  const others = state.turns.filter((turn) => turn.key !== messageId);
  return { ...state, turns: [...others, question, newAnswer(answerKey(messageId), null)] };
}

function accepted(state: Conversation, messageId: string, answerId: string): Conversation {
  const shown = state.turns.some((turn) => turn.kind === "answer" && turn.answerId === answerId);
  const turns = state.turns.flatMap((turn): Turn[] => {
    if (turn.kind === "question" && turn.messageId === messageId) return [{ ...turn, delivery: "sent", error: null }];
    if (turn.kind !== "answer" || turn.key !== answerKey(messageId) || turn.answerId !== null) return [turn];
    // A repeated question whose answer is shown already needs no second place.
    return shown ? [] : [{ ...turn, answerId }];
  });
  return { ...state, turns };
}

function rejected(state: Conversation, messageId: string, error: ErrorInfo): Conversation {
  const answer = state.turns.find((turn) => turn.key === answerKey(messageId));
  // The acknowledgement was lost, but the answer has begun: the question did arrive.
  if (answer?.kind === "answer" && answer.answerId !== null) return state;
  const turns = state.turns.flatMap((turn): Turn[] => {
    if (turn.kind === "question" && turn.messageId === messageId) return [{ ...turn, delivery: "failed", error }];
    return turn === answer ? [] : [turn];
  });
  return { ...state, turns };
}

function received(state: Conversation, arrival: Arrival): Conversation {
  const { event } = arrival;
  const { answerId } = event.payload;
  const known = event.name === "chat:question" ? begun(state, event.payload) : state;
  const answer = known.turns.find((turn) => turn.kind === "answer" && turn.answerId === answerId);
  return answer?.kind === "answer" ? settle(known, answer, applyEvent(answer, arrival)) : state;
}

/** A question is being answered: this page's own, which gets its name by that, or one from another tab. */
function begun(state: Conversation, { answerId, messageId, text }: Asked): Conversation {
  if (state.turns.some((turn) => turn.kind === "answer" && turn.answerId === answerId)) return state;
  const sent: Question = { kind: "question", key: messageId, messageId, text, delivery: "sent", error: null };
  const own = state.turns.find((turn) => turn.key === answerKey(messageId));
  if (own?.kind === "answer") {
    const named = { ...own, answerId };
    return { ...state, turns: state.turns.map((turn) => (turn.key === messageId ? sent : turn === own ? named : turn)) };
  }
  // What has not arrived stays below: this is not its answer.
  const others = state.turns.filter((turn) => turn.key !== messageId);
  const place = others.findLastIndex(hasArrived) + 1;
  const turns = [sent, newAnswer(answerKey(messageId), answerId)];
  return { ...state, turns: [...others.slice(0, place), ...turns, ...others.slice(place)] };
}

function lost(state: Conversation, answerId: string): Conversation {
  const turns = state.turns.map((turn) => (isOpen(turn) && turn.answerId === answerId ? close(turn, "interrupted") : turn));
  return { ...state, turns, stale: true };
}

function settle(state: Conversation, answer: Answer, next: Answer): Conversation {
  return next === answer ? state : { ...state, turns: state.turns.map((turn) => (turn === answer ? next : turn)) };
}

function onOpenAnswer(state: Conversation, change: (answer: Answer) => Answer): Conversation {
  const answer = openAnswer(state);
  return answer === null ? state : settle(state, answer, change(answer));
}

function isOpen(turn: Turn): turn is Answer {
  return turn.kind === "answer" && turn.ending === null;
}

/** Whether the gateway has it. */
function hasArrived(turn: Turn): boolean {
  if (turn.kind === "question") return turn.delivery === "sent";
  return turn.kind === "break" || turn.answerId !== null;
}

function turnOf(item: HistoryItem, index: number, before: readonly Turn[], now: number): Turn {
  if (item.role === "user") {
    const key = item.messageId ?? `recorded-${index}`;
    return { kind: "question", key, messageId: key, text: item.text, delivery: "sent", error: null };
  }
  const shown = before.find((turn) => turn.kind === "answer" && turn.answerId === (item.answerId ?? null));
  const recorded = recordedAnswer(shown?.key ?? item.answerId ?? `recorded-${index}`, item, now);
  // What was seen to its end knows more than the history: its parts in their order, and why it failed.
  const seen = shown?.kind === "answer" && shown.ending !== null && shown.ending.reason !== "interrupted";
  return seen ? shown : recorded;
}

/** The turns at the end that the history does not have: unsent questions, an answer still being written. */
function unrecorded(turns: readonly Turn[], recorded: readonly Turn[]): readonly Turn[] {
  const keys = new Set(recorded.map((turn) => turn.key));
  return turns.slice(turns.findLastIndex((turn) => keys.has(turn.key)) + 1);
}

/** What remains in sight of a session that the gateway no longer has. */
function ended({ turns, sessionId }: Conversation): Turn[] {
  if (turns.length === 0) return [];
  const closed = turns.map((turn) => (isOpen(turn) ? close(turn, "interrupted") : turn));
  return [...closed, { kind: "break", key: `break-${sessionId ?? "first"}` }];
}

function answerKey(messageId: string): string {
  return `answer-to-${messageId}`;
}
