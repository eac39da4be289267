/**
 * The conversation as the page shows it: a pure function from what happened to what is so.
 *
 * A question is followed by its answer. The answer stands there from the moment the question is sent,
 * without a name until the gateway gives it one: with its acknowledgement or with the first event,
 * whichever comes first. The gateway writes one answer per session at a time, so the first unknown
 * answer belongs to the question that waits.
 */

import { applyEvent, close, newAnswer, recordedAnswer, resumed, type Answer } from "./answer";
import type { AnswerEvent, ErrorInfo, HistoryItem, ModelInfo, Started } from "./protocol";

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
  /** The gateway's record knows more than is shown here; its history should be fetched. */
  stale: boolean;
}

export type Action =
  | ({ type: "started"; now: number } & Started)
  | { type: "asked"; messageId: string; text: string }
  | { type: "accepted"; messageId: string; answerId: string }
  | { type: "rejected"; messageId: string; error: ErrorInfo }
  | { type: "event"; event: AnswerEvent; now: number }
  | { type: "stopping" }
  | { type: "stop-failed" }
  | { type: "interrupted" }
  | { type: "cleared" };

export const EMPTY: Conversation = { sessionId: null, model: null, turns: [], stale: false };

/** The answer that is being written, if any: there is at most one, and it is the last. */
export function openAnswer(state: Conversation): Answer | null {
  const last = state.turns.at(-1);
  return last?.kind === "answer" && last.ending === null ? last : null;
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
      return received(state, action.event, action.now);
    case "stopping":
      return onOpenAnswer(state, (answer) => ({ ...answer, stopping: true }));
    case "stop-failed":
      return onOpenAnswer(state, (answer) => ({ ...answer, stopping: false }));
    case "interrupted":
      return onOpenAnswer(state, (answer) => close(answer, "interrupted"));
    case "cleared":
      return { ...EMPTY, model: state.model };
  }
}

function started(state: Conversation, { sessionId, model, history, now }: Started & { now: number }): Conversation {
  const recorded = history.map((item, index) => turnOf(item, index, state.turns, now));
  // Without a session there is only what was asked while this one was on its way.
  const same = state.sessionId === null || state.sessionId === sessionId;
  const turns = same ? [...recorded, ...unrecorded(state.turns, recorded, now)] : [...ended(state), ...recorded];
  return { sessionId, model, turns, stale: false };
}

function asked(state: Conversation, messageId: string, text: string): Conversation {
  const question: Question = { kind: "question", key: messageId, messageId, text, delivery: "sending", error: null };
  const others = state.turns.filter((turn) => turn.key !== messageId);
  return { ...state, turns: [...others, question, newAnswer(answerKey(messageId), null)] };
}

function accepted(state: Conversation, messageId: string, answerId: string): Conversation {
  const elsewhere = state.turns.some(
    (turn) => turn.kind === "answer" && turn.answerId === answerId && turn.key !== answerKey(messageId),
  );
  const turns = state.turns.flatMap((turn): Turn[] => {
    if (turn.kind === "question" && turn.messageId === messageId) return [{ ...turn, delivery: "sent", error: null }];
    if (turn.kind !== "answer" || turn.key !== answerKey(messageId) || turn.answerId === answerId) return [turn];
    // A repeated question whose answer is shown already needs no second place.
    if (elsewhere) return [];
    // The acknowledgement has the last word on which answer this is.
    return [turn.answerId === null ? { ...turn, answerId } : { ...newAnswer(turn.key, answerId), stopping: turn.stopping }];
  });
  return { ...state, turns };
}

function rejected(state: Conversation, messageId: string, error: ErrorInfo): Conversation {
  const answer = state.turns.find((turn) => turn.key === answerKey(messageId));
  // The acknowledgement was lost, but the answer is coming: the question did arrive.
  const arrived = answer?.kind === "answer" && answer.answerId !== null;
  const turns = state.turns.flatMap((turn): Turn[] => {
    if (turn.kind === "question" && turn.messageId === messageId) {
      return [arrived ? { ...turn, delivery: "sent" } : { ...turn, delivery: "failed", error }];
    }
    return turn === answer && !arrived ? [] : [turn];
  });
  return { ...state, turns };
}

function received(state: Conversation, event: AnswerEvent, now: number): Conversation {
  const { answerId, seq } = event.payload;
  const known = state.turns.find((turn) => turn.kind === "answer" && turn.answerId === answerId);
  if (known?.kind === "answer") {
    if (known.ending !== null) return { ...state, stale: state.stale || endsOtherwise(known, event) };
    return settle(state, known, applyEvent(known, event, now));
  }
  const waiting = openAnswer(state);
  if (waiting !== null && waiting.answerId === null) {
    return settle(state, waiting, applyEvent({ ...waiting, answerId }, event, now));
  }
  // An answer begun before this page was loaded; what came before `seq` is in nobody's hands.
  const found = newAnswer(answerId, answerId, seq === 1 ? 0 : null);
  return settle({ ...state, turns: [...state.turns, found] }, found, applyEvent(found, event, now));
}

/** Put `next` in the place of `answer`; once finished with a hole in it, the record is the better copy. */
function settle(state: Conversation, answer: Answer, next: Answer): Conversation {
  if (next === answer) return state;
  const turns = state.turns.map((turn) => (turn === answer ? next : turn));
  return { ...state, turns, stale: state.stale || (next.ending !== null && next.incomplete) };
}

/** Whether the gateway has just finished an answer that this page had closed by itself. */
function endsOtherwise(answer: Answer, event: AnswerEvent): boolean {
  const reason = answer.ending?.reason;
  return event.name === "chat:done" && (reason === "recorded" || reason === "interrupted");
}

function onOpenAnswer(state: Conversation, change: (answer: Answer) => Answer): Conversation {
  const answer = openAnswer(state);
  return answer === null ? state : settle(state, answer, change(answer));
}

function turnOf(item: HistoryItem, index: number, before: readonly Turn[], now: number): Turn {
  if (item.role === "user") {
    const key = item.messageId ?? `recorded-${index}`;
    return { kind: "question", key, messageId: key, text: item.text, delivery: "sent", error: null };
  }
  const shown = before.find((turn) => turn.kind === "answer" && turn.answerId === item.answerId);
  return recordedAnswer(shown?.key ?? item.answerId ?? `recorded-${index}`, item, now);
}

/** The turns at the end that the record does not have: unsent questions, an answer still being written. */
function unrecorded(turns: readonly Turn[], recorded: readonly Turn[], now: number): Turn[] {
  const keys = new Set(recorded.map((turn) => turn.key));
  const last = turns.findLastIndex((turn) => keys.has(turn.key));
  return turns.slice(last + 1).map((turn) => (turn.kind === "answer" ? resumed(turn, now) : turn));
}

/** What remains in sight of a session that the gateway no longer has. */
function ended({ turns, sessionId }: Conversation): Turn[] {
  if (turns.length === 0) return [];
  const closed = turns.map((turn) =>
    turn.kind === "answer" && turn.ending === null ? close(turn, "interrupted") : turn,
  );
  return [...closed, { kind: "break", key: `break-${sessionId ?? "first"}` }];
}

function answerKey(messageId: string): string {
  return `answer-to-${messageId}`;
}
