/** Values that tests share, as small as they can be while still real. */

import type { AnswerEvent, Itinerary, OfferCard, OffersFound, Segment, ToolRun } from "../src/protocol";

/** 2026-11-22T12:00:00Z, in milliseconds. */
export const NOW = Date.UTC(2026, 10, 22, 12);

export const SEARCH = { origin: "SAO", destination: "LIS", departure_date: "2026-12-12" };

export function segment(change: Partial<Segment> = {}): Segment {
  return {
    origin: "GRU",
    destination: "LIS",
    departsAt: "2026-12-12T22:55:00",
    arrivesAt: "2026-12-13T12:10:00",
    durationMinutes: 555,
    carrier: "TP",
    carrierName: "TAP Air Portugal",
    flight: "TP82",
    aircraft: null,
    originTerminal: "3",
    destinationTerminal: null,
    operatedBy: null,
    ...change,
  };
}

export function itinerary(...segments: Segment[]): Itinerary {
  return { durationMinutes: 555, stops: segments.length - 1, segments };
}

export function offer(change: Partial<OfferCard> = {}): OfferCard {
  return {
    id: "1",
    total: "685.40",
    currency: "EUR",
    itineraries: [itinerary(segment())],
    cabin: "ECONOMY",
    fareBrand: "LIGHT",
    checkedBags: "1",
    seatsLeft: 9,
    lastTicketingDate: null,
    validatingCarrier: "TP",
    ...change,
  };
}

export function found(change: Partial<OffersFound> = {}): OffersFound {
  return {
    toolId: "t1",
    search: { originLocationCode: "SAO", destinationLocationCode: "LIS", departureDate: "2026-12-12", adults: 1 },
    offers: [offer()],
    total: 1,
    source: "live",
    age: 0,
    fetchedAt: "2026-11-22T12:00:00Z",
    ...change,
  };
}

export function question(seq: number, messageId = "m1", answerId = "a1", text = "Lisbon?"): AnswerEvent {
  return { name: "chat:question", payload: { answerId, seq, messageId, text, at: "2026-11-22T12:00:00Z" } };
}

export function reset(seq: number, answerId = "a1"): AnswerEvent {
  return { name: "chat:reset", payload: { answerId, seq } };
}

export function delta(seq: number, text: string, answerId = "a1"): AnswerEvent {
  return { name: "chat:delta", payload: { answerId, seq, text } };
}

export function run(change: Partial<ToolRun> = {}): ToolRun {
  return { toolId: "t1", name: "search_flights", state: "done", input: SEARCH, ...change };
}

export function tool(seq: number, state: "running" | "done" | "error", message?: string): AnswerEvent {
  return { name: "chat:tool", payload: { answerId: "a1", seq, ...run(message === undefined ? { state } : { state, message }) } };
}

export function offers(seq: number, change: Partial<OffersFound> = {}): AnswerEvent {
  return { name: "chat:offers", payload: { answerId: "a1", seq, ...found(change) } };
}

export function done(seq: number, stopReason: "end_turn" | "stopped" | "error" = "end_turn", answerId = "a1"): AnswerEvent {
  const payload = { answerId, seq, stopReason };
  if (stopReason !== "error") return { name: "chat:done", payload };
  return { name: "chat:done", payload: { ...payload, error: { code: "model_unavailable", message: "Away." } } };
}
