import { expect, test } from "vitest";
import { exampleQuestions } from "../src/examples";
import { en } from "../src/i18n/en";
import { es } from "../src/i18n/es";
import { chooseLanguage, errorSentence } from "../src/i18n/language";
import { pt } from "../src/i18n/pt";

test.each([
  [["pt-BR", "en"], "pt-BR", pt],
  [["pt"], "pt-BR", pt],
  [["es-AR"], "es-AR", es],
  [["fr-FR", "es", "en"], "es", es],
  [["en-US"], "en-US", en],
  [["ja"], "en", en],
  [[], "en", en],
])("%j reads %s", (preferred, locale, messages) => {
  expect(chooseLanguage(preferred)).toEqual({ locale, messages });
});

test("every language has a sentence for the same error codes, endings and cabins", () => {
  for (const table of [es, pt]) {
    expect(Object.keys(table.errors)).toEqual(Object.keys(en.errors));
    expect(Object.keys(table.toolErrors)).toEqual(Object.keys(en.toolErrors));
    expect(Object.keys(table.offers.cabins)).toEqual(Object.keys(en.offers.cabins));
  }
});

/** Those of `chatbot/errors.py`, as far as they can come to a page. */
const CODES = [
  ...["token_missing", "token_invalid", "token_expired", "token_revoked", "disconnected", "forbidden", "unavailable"],
  ...["session_not_found", "invalid_message", "busy", "draining", "rate_limited", "quota", "not_connected", "internal"],
  ...["model_unavailable", "model_busy", "model_rejected", "too_long", "model_misconfigured"],
];

/** Those of `docs/tools.md`, and the assistant's own two. */
const TOOL_CODES = [
  ...["invalid_input", "unknown_tool", "unknown_place", "ambiguous_place", "offer_gone", "not_sold", "no_data"],
  ...["rate_limited", "quota", "not_configured", "unavailable", "tool_timeout", "too_large", "tool_failed"],
  ...["too_many_calls", "no_room"],
];

test("every code that can come has a sentence", () => {
  expect(CODES.filter((code) => !(code in en.errors))).toEqual([]);
  expect(TOOL_CODES.filter((code) => !(code in en.toolErrors))).toEqual([]);
});

test("known error codes speak the reader's language; others keep the gateway's words", () => {
  expect(errorSentence(pt, { code: "token_expired", message: "The token has expired." }, "")).toBe(pt.errors.token_expired);
  expect(errorSentence(pt, { code: "rate", message: "Slow down." }, "")).toBe("Slow down.");
  expect(errorSentence(pt, { code: "rate", message: "" }, "Erro.")).toBe("Erro.");
});

test("example questions lie ahead of the reader's calendar, over the turn of the year too", () => {
  const today = new Date(2026, 11, 20);
  expect(exampleQuestions({ messages: en, locale: "en-GB" }, today)).toEqual([
    "Flights from São Paulo to Lisbon on 19 January",
    "Round trip from Rio de Janeiro to Madrid, leaving 3 February, returning 17 February, 2 adults",
    "Nonstop business class from London to New York on 10 January",
  ]);
});

test("example questions are asked in the reader's language", () => {
  const [first] = exampleQuestions({ messages: pt, locale: "pt-BR" }, new Date(2026, 10, 22));
  expect(first).toBe("Voos de São Paulo para Lisboa em 22 de dezembro");
});
