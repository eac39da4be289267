/**
 * What travels between the page and the gateway. Mirrors `chatbot/messages.py`, which is the contract.
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

interface OfAnswer {
  answerId: string;
  /** Counts from 1 without gaps within one answer. */
  seq: number;
}

export interface Delta extends OfAnswer {
  text: string;
}

export interface ToolProgress extends OfAnswer {
  toolId: string;
  name: string;
  state: ToolState;
  input: Record<string, unknown>;
  /** What went wrong, where the state is "error": a sentence, and its stable word. */
  message?: string;
  code?: string;
}

export interface Offers extends OfAnswer, OffersFound {}

export interface Done extends OfAnswer {
  stopReason: StopReason;
  error?: ErrorInfo;
}

/** Any event about an answer, with the name it came under. */
export type AnswerEvent =
  | { name: "chat:delta"; payload: Delta }
  | { name: "chat:tool"; payload: ToolProgress }
  | { name: "chat:offers"; payload: Offers }
  | { name: "chat:done"; payload: Done };

export interface HistoryItem {
  role: "user" | "assistant";
  text: string;
  messageId?: string;
  answerId?: string;
  at: string;
  offers?: OffersFound[];
}

export type Ack<T> = ({ ok: true } & T) | { ok: false; error: ErrorInfo };

export interface Started {
  sessionId: string;
  model: ModelInfo;
  history: HistoryItem[];
  /** The answer that is being written right now; its question is the last of the history. */
  answering: string | null;
}

/** The events of the socket, as `socket.io-client` wants them typed. */
export interface ServerToClient {
  "chat:delta": (payload: Delta) => void;
  "chat:tool": (payload: ToolProgress) => void;
  "chat:offers": (payload: Offers) => void;
  "chat:done": (payload: Done) => void;
}

export interface ClientToServer {
  "chat:start": (payload: { sessionId?: string }, ack: (reply: Ack<Started>) => void) => void;
  "chat:message": (
    payload: { sessionId: string; text: string; messageId: string },
    ack: (reply: Ack<{ answerId: string }>) => void,
  ) => void;
  "chat:stop": (payload: { answerId: string }, ack: (reply: Ack<{ stopped: boolean }>) => void) => void;
}

/** `err.data.code` of a refused connection that no retry will help: a new token is needed. */
export const AUTH_CODES: ReadonlySet<string> = new Set(["token_missing", "token_invalid", "token_expired"]);

/** The code of an error made here, not by the gateway: no acknowledgement came. */
export const NO_REPLY = "no_reply";
