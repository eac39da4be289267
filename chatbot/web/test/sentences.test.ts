import { expect, test } from "vitest";
import { nextSentences } from "../src/sentences";

test("half a sentence is not said", () => {
  expect(nextSentences("I found **23", 0, false)).toEqual({ text: "", upTo: 0 });
});

test("whole sentences are said once, without Markdown's marks", () => {
  const source = "I found **23 offers**. The cheapest";
  const first = nextSentences(source, 0, false);
  expect(first).toEqual({ text: "I found 23 offers.", upTo: 23 });
  expect(nextSentences(source, first.upTo, false).text).toBe("");
});

test("a price's point ends no sentence", () => {
  expect(nextSentences("It costs €685.40 in all", 0, false).text).toBe("");
});

test("a line's end is a sentence's end", () => {
  expect(nextSentences("- one\n- two", 0, false).text).toBe("one");
});

test("the rest is said when the answer is finished", () => {
  expect(nextSentences("Yes. See [the list](https://example.org)", 5, true).text).toBe("See the list");
});
