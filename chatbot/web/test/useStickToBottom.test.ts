import { expect, test } from "vitest";
import { followsAfterScroll, isAtBottom } from "../src/useStickToBottom";

/** A window 400 pixels high on a content of `scrollHeight`. */
const at = (scrollTop: number, scrollHeight = 1_000) => ({ scrollTop, scrollHeight, clientHeight: 400 });

test("a few pixels above the end still count as at the end", () => {
  expect([isAtBottom(at(600)), isAtBottom(at(552)), isAtBottom(at(551))]).toEqual([true, true, false]);
});

test("a scroll to the end that is reported after the content has grown does not let go", () => {
  expect(followsAfterScroll(true, 570, at(600, 1_300))).toBe(true);
});

test("scrolling up lets go, and scrolling down again takes hold only at the end", () => {
  expect(followsAfterScroll(true, 600, at(400))).toBe(false);
  expect(followsAfterScroll(false, 400, at(500))).toBe(false);
  expect(followsAfterScroll(false, 500, at(600))).toBe(true);
});

test("content that shrinks under a reader at the end leaves them there", () => {
  expect(followsAfterScroll(true, 600, at(500, 900))).toBe(true);
});
