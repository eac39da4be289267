import { expect, test } from "vitest";
import { bulletins, type Bulletin } from "../src/bulletins";

const bulletin = (id: string, text = id): Bulletin => ({ id, kind: "info", text });
const posted = (...given: Bulletin[]) =>
  given.reduce<readonly Bulletin[]>((shown, next) => bulletins(shown, { type: "posted", bulletin: next }), []);

test("the newest stands first", () => {
  expect(posted(bulletin("a"), bulletin("b")).map(({ id }) => id)).toEqual(["b", "a"]);
});

test("the same one again takes the place of the older", () => {
  expect(posted(bulletin("a", "old"), bulletin("b"), bulletin("a", "new"))).toEqual([bulletin("a", "new"), bulletin("b")]);
});

test("a flood of them leaves room for the conversation", () => {
  expect(posted(...["a", "b", "c", "d", "e", "f"].map((id) => bulletin(id))).map(({ id }) => id)).toEqual(["f", "e", "d", "c"]);
});

test("one that is closed is gone, and closing what is not there changes nothing", () => {
  const shown = posted(bulletin("a"), bulletin("b"));
  expect(bulletins(shown, { type: "closed", id: "a" })).toEqual([bulletin("b")]);
  expect(bulletins(shown, { type: "closed", id: "z" })).toEqual(shown);
});
