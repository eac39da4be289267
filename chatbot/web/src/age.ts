/** How old an answer of the flight API is, kept as a moment so that it counts on by itself. */

import type { OffersFound } from "./protocol";

/**
 * When offers were fetched, in milliseconds of this browser's clock.
 *
 * A live event says how old they are right now, which needs no agreement between two clocks. What comes
 * `late`, out of a history or sent again, has an `age` that was true once, so `fetchedAt` says more, unless
 * this browser's clock is behind.
 */
export function bornAt(found: Pick<OffersFound, "age" | "fetchedAt">, now: number, late: boolean): number {
  const byAge = now - found.age * 1000;
  if (!late) return byAge;
  const fetched = Date.parse(found.fetchedAt);
  return Number.isNaN(fetched) ? byAge : Math.min(byAge, fetched);
}

/** Whole seconds since `bornAt`, never negative. */
export function ageInSeconds(bornAt: number, now: number): number {
  return Math.max(0, Math.floor((now - bornAt) / 1000));
}

/** `42 s`, `3 min`, `2 h 5 min`, `4 d 3 h`: symbols that English, Portuguese and Spanish share. */
export function humanAge(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return pair(hours, "h", minutes % 60, "min");
  return pair(Math.floor(hours / 24), "d", hours % 24, "h");
}

function pair(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}
