/**
 * What a search for flights or for days asks for, in a line: `SAO → LIS, 12 Dec`.
 *
 * Reads both the tool's input, as the model wrote it, and the request in the API's own names. The first
 * may hold city names and dates in words; those are shown as they stand.
 */

import { shortDay } from "./format";

type Fields = Readonly<Record<string, unknown>>;

const ORIGIN = ["originLocationCode", "origin"];
const DESTINATION = ["destinationLocationCode", "destination"];
/** Departure and return, or the first and the last day on which to leave. */
const FIRST_DAY = ["departureDate", "departure_date", "departure_from"];
const LAST_DAY = ["returnDate", "return_date", "departure_to"];
const TRAVELERS = ["adults", "children", "infants"];

export function route(fields: Fields): string {
  return `${pick(fields, ORIGIN) ?? "…"} → ${pick(fields, DESTINATION) ?? "…"}`;
}

/** `12 Dec` or `12 Dec – 19 Dec`; empty when no date is given. */
export function dates(fields: Fields, locale: string): string {
  return [pick(fields, FIRST_DAY), pick(fields, LAST_DAY)]
    .filter((date) => date !== null)
    .map((date) => shortDay(date, locale))
    .join(" – ");
}

export function describeSearch(fields: Fields, locale: string): string {
  const when = dates(fields, locale);
  return when === "" ? route(fields) : `${route(fields)}, ${when}`;
}

/** How many people the price is for; one when the search does not say. */
export function travelers(fields: Fields): number {
  const count = TRAVELERS.reduce((sum, name) => sum + (Number(fields[name]) || 0), 0);
  return Math.max(1, count);
}

function pick(fields: Fields, names: readonly string[]): string | null {
  for (const name of names) {
    const value = fields[name];
    if (typeof value === "string" && value.trim() !== "") return value.trim();
  }
  return null;
}
