/**
 * One answer as it is being written: the gateway's events go in, in any order, and parts to show come out.
 *
 * `seq` makes this safe: what was applied already is dropped, what came too early is held until the
 * missing event arrives. Events lost with a connection never arrive; `resumed` lets go of them, and the
 * answer is then marked `incomplete`, so that the page asks for the recorded text once it is finished.
 */

import { bornAt } from "./age";
import type { AnswerEvent, ErrorInfo, HistoryItem, OffersFound, StopReason, ToolProgress, ToolState } from "./protocol";

export interface TextPart {
  kind: "text";
  text: string;
}

export interface ToolPart {
  kind: "tool";
  toolId: string;
  name: string;
  /** "stopped": the answer ended while the tool was still running. */
  state: ToolState | "stopped";
  input: Record<string, unknown>;
  message: string | null;
  code: string | null;
}

export interface OffersPart {
  kind: "offers";
  found: OffersFound;
  /** When the API gave these offers, in milliseconds of this browser's clock. */
  bornAt: number;
}

export type Part = TextPart | ToolPart | OffersPart;

/** How an answer ended. "recorded" answers come from the history; "interrupted" ones fell silent. */
export interface Ending {
  reason: StopReason | "recorded" | "interrupted";
  error: ErrorInfo | null;
}

export interface Answer {
  kind: "answer";
  /** Stable while the answer lives, also before the gateway has named it. */
  key: string;
  answerId: string | null;
  parts: readonly Part[];
  /** Null while the answer is being written. */
  ending: Ending | null;
  /** The reader asked to stop, and the gateway has not confirmed yet. */
  stopping: boolean;
  /** The last event applied; null when the next one is to be taken whatever its number. */
  seq: number | null;
  held: readonly AnswerEvent[];
  /** Some events were lost, so the text has a hole. */
  incomplete: boolean;
}

/** An answer that is still to be written. */
export function newAnswer(key: string, answerId: string | null): Answer {
  return { kind: "answer", key, answerId, parts: [], ending: null, stopping: false, seq: 0, held: [], incomplete: false };
}

/** An answer out of the history: offers first, since they were found before the text was written. */
export function recordedAnswer(key: string, item: HistoryItem, now: number): Answer {
  const offers = (item.offers ?? []).map((found): Part => ({ kind: "offers", found, bornAt: bornAt(found, now, true) }));
  const text: Part[] = item.text === "" ? [] : [{ kind: "text", text: item.text }];
  return {
    ...newAnswer(key, item.answerId ?? null),
    parts: [...offers, ...text],
    ending: { reason: "recorded", error: null },
  };
}

/** An answer whose beginning was missed: events are taken as they come, and the record has the whole. */
export function joinedAnswer(key: string, answerId: string): Answer {
  return { ...newAnswer(key, answerId), seq: null, incomplete: true };
}

export function textOf(answer: Answer): string {
  return answer.parts
    .filter((part) => part.kind === "text")
    .map((part) => part.text)
    .join("\n\n")
    .trim();
}

/** Apply one event. A closed answer is returned as it is. */
export function applyEvent(answer: Answer, event: AnswerEvent, now: number): Answer {
  const { seq } = event.payload;
  if (answer.ending !== null) return answer;
  if (answer.seq === null) {
    return release({ ...step(answer, event, now), incomplete: answer.incomplete || seq > 1 }, now);
  }
  if (seq <= answer.seq || answer.held.some((other) => other.payload.seq === seq)) return answer;
  const held = [...answer.held, event].sort((a, b) => a.payload.seq - b.payload.seq);
  const next = release({ ...answer, held }, now);
  // Nothing follows the last event, so a hole before it will not be filled any more.
  return event.name === "chat:done" && next.ending === null ? skipHoles(next, now) : next;
}

/**
 * The connection came back: what it lost is lost, and the next event is taken whatever its number. An
 * answer without a name has not begun, so it has lost nothing.
 */
export function resumed(answer: Answer, now: number): Answer {
  const begun = answer.ending === null && answer.answerId !== null;
  return begun ? { ...skipHoles(answer, now), seq: null } : answer;
}

export function close(answer: Answer, reason: Ending["reason"], error: ErrorInfo | null = null): Answer {
  const parts = answer.parts.map((part) =>
    part.kind === "tool" && part.state === "running" ? { ...part, state: "stopped" as const } : part,
  );
  return { ...answer, parts, ending: { reason, error }, stopping: false, held: [] };
}

/** Apply what is held, as far as it follows without a hole. */
function release(answer: Answer, now: number): Answer {
  let next = answer;
  for (const event of answer.held) {
    if (next.seq === null || event.payload.seq !== next.seq + 1) continue;
    next = step(next, event, now);
  }
  const { seq } = next;
  return seq === null ? next : { ...next, held: next.held.filter((event) => event.payload.seq > seq) };
}

function skipHoles(answer: Answer, now: number): Answer {
  return answer.held.reduce<Answer>((next, event) => step(next, event, now), {
    ...answer,
    held: [],
    incomplete: answer.incomplete || answer.held.length > 0,
  });
}

function step(answer: Answer, event: AnswerEvent, now: number): Answer {
  const next = { ...answer, seq: event.payload.seq };
  switch (event.name) {
    case "chat:delta":
      return { ...next, parts: withText(answer.parts, event.payload.text) };
    case "chat:tool":
      return { ...next, parts: withTool(answer.parts, event.payload) };
    case "chat:offers": {
      const { answerId: _answerId, seq: _seq, ...found } = event.payload;
      return { ...next, parts: [...answer.parts, { kind: "offers", found, bornAt: bornAt(found, now, false) }] };
    }
    case "chat:done":
      return close(next, event.payload.stopReason, event.payload.error ?? null);
  }
}

function withText(parts: readonly Part[], text: string): readonly Part[] {
  const last = parts.at(-1);
  if (last?.kind !== "text") return [...parts, { kind: "text", text }];
  return [...parts.slice(0, -1), { kind: "text", text: last.text + text }];
}

function withTool(parts: readonly Part[], { toolId, name, state, input, message, code }: ToolProgress): readonly Part[] {
  const tool: ToolPart = { kind: "tool", toolId, name, state, input, message: message ?? null, code: code ?? null };
  const known = parts.some((part) => part.kind === "tool" && part.toolId === toolId);
  if (!known) return [...parts, tool];
  return parts.map((part) => (part.kind === "tool" && part.toolId === toolId ? tool : part));
}
