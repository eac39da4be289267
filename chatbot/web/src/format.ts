/**
 * Times, money, durations and connections, as people read them.
 *
 * Flight times are local to their airport and carry no offset, so they are cut out of the text and never
 * pass through this browser's time zone.
 */

import type { Itinerary, Segment } from "./protocol";

const LOCAL_TIME = /^(\d{4})-(\d{2})-(\d{2})(?:T(\d{2}:\d{2}))?/;
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

/** `2026-12-12T22:55:00` → `22:55`. */
export function clockTime(local: string): string {
  return LOCAL_TIME.exec(local)?.[4] ?? local;
}

/** `2026-12-12…` → `Sat, 12 Dec`. A text that is no date comes back as it is. */
export function calendarDay(local: string, locale: string): string {
  const day = utcDay(local);
  if (day === null) return local;
  return new Intl.DateTimeFormat(locale, { timeZone: "UTC", weekday: "short", day: "numeric", month: "short" }).format(day);
}

/** `2026-12-12…` → `12 Dec`. A text that is no date comes back as it is. */
export function shortDay(local: string, locale: string): string {
  const day = utcDay(local);
  if (day === null) return local;
  return new Intl.DateTimeFormat(locale, { timeZone: "UTC", day: "numeric", month: "short" }).format(day);
}

/** `12 December`, `12 de dezembro`: a day of the reader's own calendar, as one says it in a sentence. */
export function spokenDay(day: Date, locale: string): string {
  return new Intl.DateTimeFormat(locale, { day: "numeric", month: "long" }).format(day);
}

/** `2026-11-22T12:05:00Z` → `12:05` on the reader's own clock. A text that is no moment comes back as it is. */
export function timeOfDay(moment: string, locale: string): string {
  const time = Date.parse(moment);
  if (Number.isNaN(time)) return moment;
  return new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit" }).format(time);
}

/** By how many calendar days the second local time is later than the first. */
export function dayShift(from: string, to: string): number {
  const [first, last] = [utcDay(from), utcDay(to)];
  return first === null || last === null ? 0 : Math.round((last - first) / DAY);
}

/** `+1`, `+2`, `−1`: the mark airlines print beside an arrival on another day. */
export function dayMark(days: number): string {
  return days > 0 ? `+${days}` : `−${-days}`;
}

/** `9 h 5 min`, `45 min`, `10 h`. */
export function duration(minutes: number): string {
  const hours = Math.floor(minutes / 60);
  const rest = minutes % 60;
  if (hours === 0) return `${rest} min`;
  return rest === 0 ? `${hours} h` : `${hours} h ${rest} min`;
}

/** A decimal string as money. Whole amounts lose their zeros; an unknown currency keeps its code. */
export function money(amount: string, currency: string, locale: string): string {
  try {
    const options = { style: "currency", currency, trailingZeroDisplay: "stripIfInteger" } as const;
    return new Intl.NumberFormat(locale, options).format(Number(amount));
  } catch {
    return `${amount} ${currency}`;
  }
}

export interface Layover {
  airport: string;
  /** Null when the change is between two airports, whose clocks may differ. */
  minutes: number | null;
}

/** Where one changes, and for how long: both times are on the same airport's clock. */
export function layovers({ segments }: Itinerary): Layover[] {
  return segments.slice(1).map((next, index) => {
    const before = segments[index] as Segment;
    if (before.destination !== next.origin) return { airport: `${before.destination}/${next.origin}`, minutes: null };
    const pause = (Date.parse(`${next.departsAt}Z`) - Date.parse(`${before.arrivesAt}Z`)) / MINUTE;
    return { airport: next.origin, minutes: Number.isNaN(pause) ? null : pause };
  });
}

/** The carriers of a journey, each once, in the order one meets them. */
export function carriers({ segments }: Itinerary): { code: string; name: string }[] {
  const names = new Map(segments.map(({ carrier, carrierName }) => [carrier, carrierName]));
  return Array.from(names, ([code, name]) => ({ code, name: name === "" ? code : name }));
}

/** `ECONOMY LIGHT` → `Economy light`: fare brands come in capitals, which shout. */
function fareBrand(brand: string): string {
  return brand === brand.toUpperCase() ? brand.charAt(0) + brand.slice(1).toLowerCase() : brand;
}

/** The cabin and the brand of a fare; a brand that already names the cabin stands alone. */
export function fare(cabin: string, brand: string | null): string {
  if (brand === null) return cabin;
  const name = fareBrand(brand);
  return name.toLowerCase().startsWith(cabin.toLowerCase()) ? name : `${cabin} · ${name}`;
}

function utcDay(local: string): number | null {
  const parts = LOCAL_TIME.exec(local);
  return parts === null ? null : Date.UTC(Number(parts[1]), Number(parts[2]) - 1, Number(parts[3]));
}
