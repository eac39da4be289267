import type { ReactNode } from "react";
import { renderToStaticMarkup } from "react-dom/server";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Markdown } from "../src/components/Markdown";
import { OfferList } from "../src/components/OfferList";
import { OfferTicket } from "../src/components/OfferTicket";
import { SourceBadge } from "../src/components/SourceBadge";
import { ToolCall } from "../src/components/ToolCall";
import { chooseLanguage, LanguageProvider } from "../src/i18n/language";
import type { OfferCard } from "../src/protocol";
import { found, itinerary, NOW, offer, SEARCH, segment } from "./samples";

function html(node: ReactNode, language = "en-GB"): string {
  return renderToStaticMarkup(<LanguageProvider value={chooseLanguage([language])}>{node}</LanguageProvider>);
}

/** The visible words, without tags. */
function words(node: ReactNode, language?: string): string {
  return html(node, language).replace(/<[^>]+>/g, " ").replace(/\s+/g, " ").trim();
}

const ticket = (change: Partial<OfferCard> = {}, travelers = 1) => (
  <OfferTicket offer={offer(change)} travelers={travelers} />
);

beforeEach(() => vi.useFakeTimers({ now: NOW }));
afterEach(() => vi.useRealTimers());

test("Markdown becomes elements", () => {
  expect(html(<Markdown text={"**a** *b* `c`\n\n- d\n- e"} />)).toBe(
    '<div class="prose"><p><strong>a</strong> <em>b</em> <code>c</code></p><ul><li>d</li><li>e</li></ul></div>',
  );
});

test("a table keeps its alignment in classes", () => {
  const table = html(<Markdown text={"| a | b |\n|---|--:|\n| 1 | 2 |"} />);
  expect(table).toContain('<th scope="col" class="align-right">b</th>');
  expect(table).toContain('<td class="align-right">2</td>');
});

test.each([
  "<img src=x onerror=alert(1)>",
  "<script>alert(1)</script>",
  "text <b onclick=alert(1)>bold</b>",
  "<style>*{display:none}</style>",
  "<svg/onload=alert(1)>",
])("HTML in the text is shown, never run: %s", (text) => {
  expect(html(<Markdown text={text} />)).not.toMatch(/<(?!\/?(?:div|p)\b)/);
});

test.each([
  "[x](javascript:alert(1))",
  "[x](JaVaScRiPt:alert(1))",
  "[x](&#106;avascript:alert(1))",
  "[x](data:text/html,hi)",
  "[x](vbscript:a)",
  "[x](//evil.example)",
  "<javascript:alert(1)>",
  "[x][1]\n\n[1]: javascript:alert(1)",
])("a link to elsewhere than the web is only its text: %s", (text) => {
  expect(html(<Markdown text={text} />)).not.toContain("<a ");
});

test("a web link opens apart and passes nothing on", () => {
  expect(html(<Markdown text="[a](https://example.org/?x=1&y=2)" />)).toContain(
    '<a href="https://example.org/?x=1&amp;y=2" target="_blank" rel="noopener noreferrer nofollow">a</a>',
  );
});

test("an image is its description, and nothing is fetched", () => {
  expect(html(<Markdown text="![a plane](https://example.org/p.png)" />)).toBe('<div class="prose"><p>a plane</p></div>');
});

test("character references are read once", () => {
  expect(html(<Markdown text={"Marks &amp; Spencer &amp;lt;"} />)).toContain("Marks &amp; Spencer &amp;lt;");
});

test("a live result says so, and from ten seconds on how old it is", () => {
  expect(words(<SourceBadge source="live" bornAt={NOW - 9_000} />)).toBe("live");
  expect(words(<SourceBadge source="live" bornAt={NOW - 180_000} />)).toBe("live, 3 min ago");
});

test("a cached result tells its age to people and to programs", () => {
  const badge = <SourceBadge source="cache" bornAt={NOW - 42_000} />;
  expect(words(badge)).toBe("from cache, 42 s old");
  expect(words(badge, "pt-BR")).toBe("do cache, há 42 s");
  expect(html(badge)).toContain('data-testid="source-badge" data-source="cache" data-age="42"');
});

test("a ticket tells times, airports, duration, stops, carrier, flight, price and terms", () => {
  const text = words(ticket());
  for (const part of ["22:55", "GRU", "12:10", "LIS", "+1", "9 h 15 min", "Nonstop", "TAP Air Portugal", "TP82"]) {
    expect(text).toContain(part);
  }
  expect(text).toContain("€685.40 Economy · Light 1 checked bag");
});

test("a ticket with a stop tells where and for how long", () => {
  const trip = itinerary(
    segment({ destination: "MAD", arrivesAt: "2026-12-13T07:40:00" }),
    segment({ origin: "MAD", departsAt: "2026-12-13T09:45:00" }),
  );
  expect(words(ticket({ itineraries: [trip] }))).toContain("1 stop · MAD 2 h 5 min");
});

test("a round trip names its directions", () => {
  const text = words(ticket({ itineraries: [itinerary(segment()), itinerary(segment())] }));
  expect(text).toMatch(/Outbound.*Return/);
});

test("seats are told only when they are few", () => {
  expect(words(ticket({ seatsLeft: 9 }))).not.toContain("left");
  expect(words(ticket({ seatsLeft: 1 }))).toContain("1 seat left");
  expect(words(ticket({ seatsLeft: null }))).not.toContain("left");
});

test("bags are told as far as they are known", () => {
  expect(words(ticket({ checkedBags: "0" }))).toContain("No checked bag");
  expect(words(ticket({ checkedBags: "0 kg" }))).toContain("No checked bag");
  expect(words(ticket({ checkedBags: "2" }))).toContain("2 checked bags");
  expect(words(ticket({ checkedBags: "23 kg" }))).toContain("Checked bags: 23 kg");
  expect(words(ticket({ checkedBags: null }))).not.toContain("bag");
});

test("a price for a party says for how many", () => {
  expect(words(ticket({}, 3))).toContain("for 3 travelers");
});

test("four offers are shown first, with a way to all", () => {
  const many = Array.from({ length: 6 }, (_, index) => offer({ id: String(index) }));
  const list = html(<OfferList part={{ kind: "offers", found: found({ offers: many, total: 23 }), bornAt: NOW }} />);
  expect(list.match(/data-testid="offer-card"/g)).toHaveLength(4);
  expect(list).toContain("Show all 6");
  expect(list).toContain("6 cheapest of 23 offers");
});

test("an empty result says so", () => {
  const list = words(<OfferList part={{ kind: "offers", found: found({ offers: [], total: 0 }), bornAt: NOW }} />);
  expect(list).toContain("No flights were found for this search.");
});

test.each([
  ["running", null, "Searching flights SAO → LIS, 12 Dec…"],
  ["done", null, "Searched flights SAO → LIS, 12 Dec"],
  ["stopped", null, "Search stopped SAO → LIS, 12 Dec"],
  ["error", "The date has passed.", "Flight search SAO → LIS, 12 Dec failed: The date has passed."],
] as const)("a %s search reads as such", (state, message, sentence) => {
  const part = { kind: "tool", toolId: "t1", name: "search_flights", state, input: SEARCH, message, code: null } as const;
  expect(words(<ToolCall part={part} />)).toBe(sentence);
});

const failed = (code: string | null, message: string | null) =>
  ({ kind: "tool", toolId: "t1", name: "search_flights", state: "error", input: SEARCH, message, code }) as const;

test("why a search failed is told in the reader's language where its code is known", () => {
  const known = <ToolCall part={failed("ambiguous_place", "Field origin is ambiguous.")} />;
  expect(words(known, "pt-BR")).toMatch(/^A busca de voos SAO → LIS.* falhou: Há vários lugares com este nome\.$/);
  expect(words(known, "es")).toMatch(/^La búsqueda de vuelos SAO → LIS.* falló: Hay varios lugares con este nombre\.$/);
  expect(words(<ToolCall part={failed("new_code", "As told.")} />, "pt-BR")).toContain("falhou: As told.");
});

test("in English the gateway's own sentence says more than its code", () => {
  expect(words(<ToolCall part={failed("ambiguous_place", "Give one of: LHR, LGW.")} />)).toContain("failed: Give one of: LHR, LGW.");
  expect(words(<ToolCall part={failed("rate_limited", null)} />)).toContain("failed: Too many searches");
  expect(words(<ToolCall part={failed(null, null)} />)).toBe("Flight search SAO → LIS, 12 Dec failed");
});

test("a fresh result in Portuguese and Spanish says that it was asked for just now", () => {
  const [now, later] = [NOW, NOW - 180_000].map((bornAt) => <SourceBadge source="live" bornAt={bornAt} />);
  expect([words(now, "pt-BR"), words(later, "pt-BR")]).toEqual(["consultado agora", "consultado há 3 min"]);
  expect([words(now, "es"), words(later, "es")]).toEqual(["consultado ahora", "consultado hace 3 min"]);
});

test("a ticket's label tells it from its neighbours", () => {
  expect(html(ticket())).toContain('aria-label="€685.40, TAP Air Portugal, departs 22:55, GRU → LIS"');
  expect(html(ticket({ itineraries: [] }))).toContain('aria-label="€685.40"');
});
