import { expect, test } from "vitest";
import {
  calendarDay,
  carriers,
  clockTime,
  dayMark,
  dayShift,
  duration,
  fare,
  layovers,
  money,
  shortDay,
  spokenDay,
  timeOfDay,
} from "../src/format";
import { itinerary, segment } from "./samples";

const spaced = (text: string) => text.replace(/[\u00a0\u202f]/g, " ");

const viaMadrid = itinerary(
  segment({ destination: "MAD", arrivesAt: "2026-12-13T07:40:00", carrier: "IB", carrierName: "Iberia" }),
  segment({ origin: "MAD", departsAt: "2026-12-13T09:45:00", carrier: "IB", carrierName: "Iberia" }),
);

test("a local time is read off as it is printed", () => {
  expect(clockTime("2026-12-12T22:55:00")).toBe("22:55");
});

test("what is no local time is shown as it is", () => {
  expect(clockTime("soon")).toBe("soon");
  expect(shortDay("next Friday", "en-GB")).toBe("next Friday");
  expect(calendarDay("", "en-GB")).toBe("");
});

test("days are the airport's own, in the reader's words", () => {
  expect(shortDay("2026-12-12T23:59:00", "en-GB")).toBe("12 Dec");
  expect(calendarDay("2026-12-12", "pt-BR")).toBe("sáb., 12 de dez.");
});

test("a day in a sentence has its month written out", () => {
  expect(spokenDay(new Date(2026, 11, 12), "pt-BR")).toBe("12 de dezembro");
});

test("arrivals on other days are marked, backwards over the date line too", () => {
  expect(dayShift("2026-12-31T22:55:00", "2027-01-01T12:10:00")).toBe(1);
  expect(dayShift("2026-12-12T09:00:00", "2026-12-11T21:00:00")).toBe(-1);
  expect(dayShift("2026-12-12T00:10:00", "2026-12-12T23:50:00")).toBe(0);
  expect([dayMark(1), dayMark(2), dayMark(-1)]).toEqual(["+1", "+2", "−1"]);
});

test("a shift across a change to summer time is still one day", () => {
  expect(dayShift("2027-03-27T23:00:00", "2027-03-28T07:00:00")).toBe(1);
});

test.each([
  [45, "45 min"],
  [60, "1 h"],
  [555, "9 h 15 min"],
  [1_900, "31 h 40 min"],
])("%i minutes read %s", (minutes, text) => {
  expect(duration(minutes)).toBe(text);
});

test("money follows the reader's language, and whole amounts lose their zeros", () => {
  expect(money("685.40", "EUR", "en-GB")).toBe("€685.40");
  expect(money("702.00", "EUR", "en-GB")).toBe("€702");
  expect(spaced(money("3210.50", "BRL", "pt-BR"))).toBe("R$ 3.210,50");
});

test("an unknown currency keeps its code", () => {
  expect(money("10.00", "?", "en-GB")).toBe("10.00 ?");
});

test("a layover lasts from landing to departure on one airport's clock", () => {
  expect(layovers(viaMadrid)).toEqual([{ airport: "MAD", minutes: 125 }]);
  expect(layovers(itinerary(segment()))).toEqual([]);
});

test("a change of airport names both and claims no duration", () => {
  const trip = itinerary(segment({ destination: "LGW" }), segment({ origin: "LHR" }));
  expect(layovers(trip)).toEqual([{ airport: "LGW/LHR", minutes: null }]);
});

test("each carrier is named once, by its code where it has no name", () => {
  expect(carriers(viaMadrid)).toEqual([{ code: "IB", name: "Iberia" }]);
  expect(carriers(itinerary(segment({ carrierName: "" })))).toEqual([{ code: "TP", name: "TP" }]);
});

test("fare brands do not shout", () => {
  expect(fare("Economy", "LIGHT")).toBe("Economy · Light");
  expect(fare("Economy", "eLight")).toBe("Economy · eLight");
  expect(fare("Economy", "ECONOMY LIGHT")).toBe("Economy light");
  expect(fare("Business", null)).toBe("Business");
});

test("a moment is told by the reader's own clock, and what is none stays as it is", () => {
  expect(timeOfDay(new Date(2026, 10, 22, 9, 5).toISOString(), "en-GB")).toBe("09:05");
  expect(timeOfDay("soon", "en-GB")).toBe("soon");
});
