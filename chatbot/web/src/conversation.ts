/**
 * The conversation as the page shows it: a pure function from what happened to what is so.
 *
 * A question is followed by its answer. The answer stands there from the moment the question is sent,
 * without a name until the gateway gives it one: with its acknowledgement or with the first event,
 * whichever comes first. The gateway writes one answer per session at a time, so the first unknown
 * answer belongs to the question that waits.
 */

import { applyEvent, close, joinedAnswer, newAnswer, recordedAnswer, resumed, type Answer } from "./answer";
import { NO_REPLY, type AnswerEvent, type ErrorInfo, type HistoryItem, type ModelInfo, type Started } from "./protocol";

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
      return received(state, action.event, action.now);
    case "stopping":
      return onOpenAnswer(state, (answer) => ({ ...answer, stopping: true }));
    case "stop-failed":
      return onOpenAnswer(state, (answer) => ({ ...answer, stopping: false }));
    case "interrupted":
      // What was written in the silence, another instance may have put on record.
      return { ...onOpenAnswer(state, (answer) => close(answer, "interrupted")), stale: true };
    case "cleared":
      return { ...EMPTY, model: state.model };
  }
}

function started(state: Conversation, action: Started & { now: number }): Conversation {
  const { sessionId, model, history, answering, now } = action;
  const recorded = history.map((item, index) => turnOf(item, index, state.turns, now));
  // Without a session there is only what was asked while this one was on its way.
  const same = state.sessionId === null || state.sessionId === sessionId;
  const rest = same ? unrecorded(state.turns, recorded, now) : [];
  const turns = [...(same ? [] : ended(state)), ...(answering ? joined(answering, recorded, rest) : [...recorded, ...rest])];
  return { sessionId, model, turns, stale: false };
}

/** Record and rest, with the answer that is being written to the last recorded question in its place. */
function joined(answerId: string, recorded: readonly Turn[], rest: readonly Turn[]): Turn[] {
  const known = [...recorded, ...rest].find((turn) => turn.kind === "answer" && turn.answerId === answerId);
  if (known?.kind === "answer") {
    // It was given up here, but is alive.
    const again = known.ending?.reason === "interrupted" ? joinedAnswer(known.key, answerId) : known;
    return [...recorded, ...rest].map((turn) => (turn === known ? again : turn));
  }
  const [next, ...others] = rest;
  if (next?.kind === "answer" && next.answerId === null) {
    return [...recorded, { ...joinedAnswer(next.key, answerId), stopping: next.stopping }, ...others];
  }
  return [...recorded, joinedAnswer(answerId, answerId), ...rest];
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
  // The answer that had taken this place belongs to a question from elsewhere, which only the record has.
  const displaced = state.turns.find((turn) => turn.key === answerKey(messageId));
  const foreign = displaced?.kind === "answer" && displaced.answerId !== null && displaced.answerId !== answerId;
  return { ...state, turns, stale: state.stale || foreign };
}

function rejected(state: Conversation, messageId: string, error: ErrorInfo): Conversation {
  const answer = state.turns.find((turn) => turn.key === answerKey(messageId));
  const begun = answer?.kind === "answer" && answer.answerId !== null ? answer : null;
  // The acknowledgement was lost, but the answer is coming: the question did arrive.
  const arrived = begun !== null && error.code === NO_REPLY;
  // Else that answer is to a question from another tab, which only the record has.
  const foreign = begun?.answerId == null || arrived ? [] : [{ ...begun, key: begun.answerId, incomplete: true }];
  const turns = state.turns.flatMap((turn): Turn[] => {
    if (turn.kind === "question" && turn.messageId === messageId) {
      return arrived ? [{ ...turn, delivery: "sent" }] : [...foreign, { ...turn, delivery: "failed", error }];
    }
    return turn === answer && !arrived ? [] : [turn];
  });
  return { ...state, turns, stale: state.stale || foreign.some(({ ending }) => ending !== null) };
}

function received(state: Conversation, event: AnswerEvent, now: number): Conversation {
  const { answerId } = event.payload;
  const known = state.turns.find((turn) => turn.kind === "answer" && turn.answerId === answerId);
  if (known?.kind === "answer") {
    if (known.ending !== null) return { ...state, stale: state.stale || endsOtherwise(known, event) };
    return settle(state, known, applyEvent(known, event, now));
  }
  const waiting = openAnswer(state);
  if (waiting !== null && waiting.answerId === null) {
    return settle(state, waiting, applyEvent({ ...waiting, answerId }, event, now));
  }
  // Begun before this page was loaded, or asked for in another tab: the record has the question and the whole.
  const found = joinedAnswer(answerId, answerId);
  // Questions that were not delivered stay below it: it is not their answer.
  const place = state.turns.findLastIndex((turn) => turn.kind !== "question" || turn.delivery !== "failed") + 1;
  const turns = [...state.turns.slice(0, place), found, ...state.turns.slice(place)];
  return settle({ ...state, turns }, found, applyEvent(found, event, now));
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
  const shown = before.find((turn) => turn.kind === "answer" && turn.answerId === (item.answerId ?? null));
  const recorded = recordedAnswer(shown?.key ?? item.answerId ?? `recorded-${index}`, item, now);
  if (shown?.kind !== "answer" || shown.ending === null || shown.ending.reason === "interrupted") return recorded;
  // The record knows neither the tool calls nor how the answer ended; what was seen to its end does.
  return shown.incomplete ? { ...recorded, ending: shown.ending } : shown;
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
