/** Questions to begin with. Their dates lie ahead of the reader's own calendar, whenever that is. */

import { spokenDay } from "./format";
import type { Language } from "./i18n/language";

/** Days ahead: a flight one would plan, a trip of two weeks, a business trip soon. */
const AHEAD = { oneWay: 30, out: 45, back: 59, business: 21 } as const;

export function exampleQuestions({ messages, locale }: Language, today: Date): string[] {
  const day = (ahead: number) =>
    spokenDay(new Date(today.getFullYear(), today.getMonth(), today.getDate() + ahead), locale);
  return [
    messages.empty.oneWay(day(AHEAD.oneWay)),
    messages.empty.roundTrip(day(AHEAD.out), day(AHEAD.back)),
    messages.empty.business(day(AHEAD.business)),
  ];
}
