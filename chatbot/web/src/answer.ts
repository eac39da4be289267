/**
 * One answer as it is being written: the gateway's events go in, and parts to show come out.
 *
 * The gateway sends each event once, in order and without gaps, also over lost connections and to whichever
 * instance the page comes back. Two rules of `seq` are all that it asks for: an event that is not above the
 * last one has been seen, and a reset is taken whatever its number.
 */

import { bornAt } from "./age";
import type { AnswerEvent, ErrorInfo, HistoryItem, OffersFound, StopReason, ToolRun, ToolState } from "./protocol";

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

/** How an answer ended. "interrupted": nobody writes it any more, and the history does not have it. */
export interface Ending {
  reason: StopReason | "interrupted";
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
  /** The number of the last event applied; 0 before the first. */
  seq: number;
}

/** An answer that is still to be written. */
export function newAnswer(key: string, answerId: string | null): Answer {
  return { kind: "answer", key, answerId, parts: [], ending: null, stopping: false, seq: 0 };
}

/**
 * An answer out of the history. Text comes last: the history does not tell what was written between two
 * tool calls.
 */
export function recordedAnswer(key: string, item: HistoryItem, now: number): Answer {
  const offers = (item.offers ?? []).map((found) => ({ kind: "offers", found, bornAt: bornAt(found, now, true) }) as const);
  const tools = (item.tools ?? []).flatMap((run): Part[] => [
    toolPart(run),
    ...offers.filter(({ found }) => found.toolId === run.toolId),
  ]);
  const others = offers.filter((part) => !tools.includes(part));
  const text: Part[] = item.text === "" ? [] : [{ kind: "text", text: item.text }];
  const parts = [...tools, ...others, ...text];
  return close({ ...newAnswer(key, item.answerId ?? null), parts }, item.stopReason ?? "end_turn");
}

export function textOf(answer: Answer): string {
  return answer.parts
    .filter((part) => part.kind === "text")
    .map((part) => part.text)
    .join("\n\n")
    .trim();
}

/** An event, and when it came. One that was `missed` has been sent before, while nobody here could hear it. */
export interface Arrival {
  event: AnswerEvent;
  now: number;
  missed: boolean;
}

/** Apply one event. A closed answer is returned as it is. */
export function applyEvent(answer: Answer, { event, now, missed }: Arrival): Answer {
  const { seq } = event.payload;
  if (answer.ending !== null) return answer;
  if (event.name !== "chat:reset" && seq <= answer.seq) return answer;
  const next = { ...answer, seq };
  switch (event.name) {
    case "chat:question":
      return next;
    case "chat:reset":
      return { ...next, parts: [] };
    case "chat:delta":
      return { ...next, parts: withText(answer.parts, event.payload.text) };
    case "chat:tool":
      return { ...next, parts: withTool(answer.parts, toolPart(event.payload)) };
    case "chat:offers": {
      const { answerId: _answerId, seq: _seq, ...found } = event.payload;
      return { ...next, parts: [...answer.parts, { kind: "offers", found, bornAt: bornAt(found, now, missed) }] };
    }
    case "chat:done":
      return close(next, event.payload.stopReason, event.payload.error ?? null);
  }
}

export function close(answer: Answer, reason: Ending["reason"], error: ErrorInfo | null = null): Answer {
  const parts = answer.parts.map((part) =>
    part.kind === "tool" && part.state === "running" ? { ...part, state: "stopped" as const } : part,
  );
  return { ...answer, parts, ending: { reason, error }, stopping: false };
}

function toolPart({ toolId, name, state, input, message, code }: ToolRun): ToolPart {
  return { kind: "tool", toolId, name, state, input, message: message ?? null, code: code ?? null };
}

function withText(parts: readonly Part[], text: string): readonly Part[] {
  const last = parts.at(-1);
  if (last?.kind !== "text") return [...parts, { kind: "text", text }];
  return [...parts.slice(0, -1), { kind: "text", text: last.text + text }];
}

function withTool(parts: readonly Part[], tool: ToolPart): readonly Part[] {
  const known = parts.some((part) => part.kind === "tool" && part.toolId === tool.toolId);
  if (!known) return [...parts, tool];
  return parts.map((part) => (part.kind === "tool" && part.toolId === tool.toolId ? tool : part));
}
