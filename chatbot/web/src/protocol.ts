/**
 * What travels between the page and the gateway. Mirrors what the page uses of
 * `chatbot/messages`, which is the contract.
 *
 * Ages are seconds, times are ISO-8601 UTC, except flight times, which are local to their airport and
 * carry no offset.
 */

/** The longest question the gateway takes, in characters (Unicode code points). */
export const MAX_TEXT = 4_000;

export interface ErrorInfo {
  code: string;
  message: string;
}

export interface ModelInfo {
  name: string;
  /** Whether this is the rule-based demo, which the page must say. */
  offline: boolean;
}

/** `GET /config`. */
export interface GatewayConfig {
  demo: boolean;
  model: ModelInfo;
}

export interface Segment {
  origin: string;
  destination: string;
  departsAt: string;
  arrivesAt: string;
  durationMinutes: number;
  carrier: string;
  carrierName: string;
  flight: string;
  aircraft: string | null;
  originTerminal: string | null;
  destinationTerminal: string | null;
  operatedBy: string | null;
}

/** One direction of a trip. */
export interface Itinerary {
  durationMinutes: number;
  stops: number;
  segments: Segment[];
}

export interface OfferCard {
  id: string;
  /** A decimal string in `currency`, for the whole party. */
  total: string;
  currency: string;
  itineraries: Itinerary[];
  cabin: string;
  fareBrand: string | null;
  checkedBags: string | null;
  seatsLeft: number | null;
  lastTicketingDate: string | null;
  validatingCarrier: string | null;
}

export type Source = "live" | "cache";

/** What a search found; `offers` are the cheapest of `total`. */
export interface OffersFound {
  toolId: string;
  search: Record<string, unknown>;
  offers: OfferCard[];
  total: number;
  source: Source;
  age: number;
  fetchedAt: string;
}

export type ToolState = "running" | "done" | "error";
export type StopReason = "end_turn" | "stopped" | "max_tokens" | "max_rounds" | "refused" | "error";

/** How a tool call went so far. */
export interface ToolRun {
  toolId: string;
  name: string;
  state: ToolState;
  input: Record<string, unknown>;
  /** What went wrong, where the state is "error": a sentence, and its stable word. */
  message?: string;
  code?: string;
}

interface OfAnswer {
  answerId: string;
  /** Counts from 1 without gaps within one answer; only `chat:reset` leaves some out. */
  seq: number;
}

/** What is being answered; the first event of every answer. */
export interface Asked extends OfAnswer {
  messageId: string;
  text: string;
  at: string;
}

export interface Delta extends OfAnswer {
  text: string;
}

export interface ToolProgress extends OfAnswer, ToolRun {}

export interface Offers extends OfAnswer, OffersFound {}

/** The answer begins anew: what came of it since the question is void. */
export type Reset = OfAnswer;

export interface Done extends OfAnswer {
  stopReason: StopReason;
  error?: ErrorInfo;
}

/** Any event about an answer, with the name it came under. */
export type AnswerEvent =
  | { name: "chat:question"; payload: Asked }
  | { name: "chat:delta"; payload: Delta }
  | { name: "chat:tool"; payload: ToolProgress }
  | { name: "chat:offers"; payload: Offers }
  | { name: "chat:reset"; payload: Reset }
  | { name: "chat:done"; payload: Done };

/** A question, or an answer with what it found, how its tools went, and how it ended. */
export interface HistoryItem {
  role: "user" | "assistant";
  text: string;
  messageId?: string;
  answerId?: string;
  at: string;
  offers?: OffersFound[];
  tools?: ToolRun[];
  stopReason?: StopReason;
}

export type Ack<T> = ({ ok: true } & T) | { ok: false; error: ErrorInfo };

export interface Started {
  sessionId: string;
  title: string | null;
  model: ModelInfo;
  history: HistoryItem[];
  /** The answer that is being written right now, to be followed with `chat:resume`. */
  answering: string | null;
}

/** Something that all users should know. */
export interface ServerNotice {
  id: string;
  level: "info" | "warning";
  text: string;
  at: string;
}

/** Something for this user only. */
export interface UserMessage {
  id: string;
  text: string;
  at: string;
}

/** The events of the socket, as `socket.io-client` wants them typed. */
export interface ServerToClient {
  "chat:question": (payload: Asked) => void;
  "chat:delta": (payload: Delta) => void;
  "chat:tool": (payload: ToolProgress) => void;
  "chat:offers": (payload: Offers) => void;
  "chat:reset": (payload: Reset) => void;
  "chat:done": (payload: Done) => void;
  "chat:deleted": (payload: { sessionId: string }) => void;
  "auth:expiring": (payload: { expiresAt: string }) => void;
  "auth:expired": () => void;
  "auth:revoked": () => void;
  "server:disconnected": (payload: ErrorInfo) => void;
  "server:draining": (payload: { within: number }) => void;
  "server:notice": (payload: ServerNotice) => void;
  "user:message": (payload: UserMessage) => void;
}

export interface ClientToServer {
  "chat:start": (payload: { sessionId?: string }, ack: (reply: Ack<Started>) => void) => void;
  "chat:message": (
    payload: { sessionId: string; text: string; messageId: string },
    ack: (reply: Ack<{ answerId: string }>) => void,
  ) => void;
  "chat:resume": (
    payload: { answerId: string; after: number },
    ack: (reply: Ack<{ found: boolean }>) => void,
  ) => void;
  "chat:stop": (payload: { answerId: string }, ack: (reply: Ack<{ stopped: boolean }>) => void) => void;
  "auth:refresh": (payload: { token: string }, ack: (reply: Ack<{ expiresAt: string }>) => void) => void;
}

/** The sign-in does not hold, or no longer: no retry helps, only another token. */
export const AUTH_CODES: ReadonlySet<string> = new Set([
  "token_missing",
  "token_invalid",
  "token_expired",
  "token_revoked",
]);

/** Errors that pass by themselves: trying again in a moment is worth it. */
export const PASSING_CODES: ReadonlySet<string> = new Set(["unavailable", "draining", "rate_limited", "busy"]);

/** The code of an error made here, not by the gateway: no acknowledgement came. */
export const NO_REPLY = "no_reply";
