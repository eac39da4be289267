import { expect, test } from "vitest";
import { ageInSeconds, bornAt, humanAge } from "../src/age";
import { NOW } from "./samples";

const fetchedAt = "2026-11-22T11:59:00Z";

test("a live event's age counts from its arrival, whatever the clocks say", () => {
  expect(bornAt({ age: 42, fetchedAt: "2031-01-01T00:00:00Z" }, NOW, false)).toBe(NOW - 42_000);
});

test("a recorded age has gone on since, so the time of fetching says more", () => {
  expect(bornAt({ age: 2, fetchedAt }, NOW, true)).toBe(NOW - 60_000);
});

test("with this browser's clock behind, a recorded age never shrinks", () => {
  expect(bornAt({ age: 90, fetchedAt }, NOW, true)).toBe(NOW - 90_000);
});

test("an unreadable time of fetching leaves the age that was told", () => {
  expect(bornAt({ age: 5, fetchedAt: "?" }, NOW, true)).toBe(NOW - 5_000);
});

test("an age is whole seconds and never negative", () => {
  expect(ageInSeconds(NOW - 42_900, NOW)).toBe(42);
  expect(ageInSeconds(NOW + 5_000, NOW)).toBe(0);
});

test.each([
  [0, "0 s"],
  [42, "42 s"],
  [59, "59 s"],
  [60, "1 min"],
  [3_599, "59 min"],
  [3_600, "1 h"],
  [7_500, "2 h 5 min"],
  [86_399, "23 h 59 min"],
  [86_400, "1 d"],
  [356_400, "4 d 3 h"],
])("%i seconds read %s", (seconds, text) => {
  expect(humanAge(seconds)).toBe(text);
});
