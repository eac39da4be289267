import type { ReactNode } from "react";
import { renderToStaticMarkup } from "react-dom/server";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Bulletin } from "../src/bulletins";
import { Bulletins } from "../src/components/Bulletins";
import { ConnectionBadge } from "../src/components/ConnectionBadge";
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

const call = (name: string, state: "running" | "done" | "error" | "stopped", input: Record<string, unknown> = {}, code: string | null = null) => (
  <ToolCall part={{ kind: "tool", toolId: "t1", name, state, input, message: null, code }} />
);

test.each([
  ["get_offer", { offer_id: "x" }, "Reading the details of an offer…", "Lendo os detalhes de uma oferta…"],
  ["price_offer", { offer_id: "x" }, "Checking the current price of an offer…", "Confirmando o preço atual de uma oferta…"],
  ["find_airport", { query: "Lisboa" }, "Looking up airports: “Lisboa”…", "Procurando aeroportos: “Lisboa”…"],
  ["cheapest_dates", { origin: "SAO", destination: "LIS" }, "Looking for the cheapest dates SAO → LIS…", "Procurando as datas mais baratas SAO → LIS…"],
])("%s says what it does", (name, input, english, portuguese) => {
  expect(words(call(name, "running", input))).toBe(english);
  expect(words(call(name, "running", input), "pt-BR")).toBe(portuguese);
  const others = (["done", "error", "stopped"] as const).map((state) => words(call(name, state, input)));
  expect(new Set([english, ...others]).size).toBe(4);
});

test("a tool that the page does not know is named, whatever its name", () => {
  for (const name of ["luggage", "constructor", "__proto__"]) {
    expect(words(call(name, "running"))).toBe(`Using ${name}…`);
    expect(words(call(name, "error", {}, "too_large"))).toBe(`Used ${name}: The result is too large.`);
  }
});

test("input that a model has got wrong is no fault of the page", () => {
  expect(words(call("find_airport", "done", { query: 7 }))).toBe("Looked up airports: …");
  expect(words(call("cheapest_dates", "done", { origin: null }))).toBe("Looked for the cheapest dates … → …");
});

test("a code means something else for a tool than for a question", () => {
  expect(words(call("price_offer", "error", {}, "quota"))).toContain("The flight service&#x27;s quota");
  expect(words(call("price_offer", "error", {}, "offer_gone"), "es")).toMatch(/: Esta oferta ya no está\./);
});

test("a page that is put off says why; one that lost its connection, that it comes back", () => {
  const badge = (code: string | null) => (
    <ConnectionBadge state={{ kind: "retrying", error: code === null ? null : { code, message: "No." } }} onReconnect={() => {}} />
  );
  expect(words(badge("rate_limited"))).toContain("Too many requests in a short time.");
  expect(words(badge("draining"), "pt-BR")).toContain("O serviço está reiniciando.");
  expect(words(badge(null))).toContain("Offline, reconnecting…");
});

const bulletin = (kind: Bulletin["kind"], text: string, language?: string) =>
  words(<Bulletins bulletins={[{ id: "b1", kind, text }]} onClose={() => {}} />, language);

test("a notice stands in its own words, a message and a disconnect behind whose they are", () => {
  expect(bulletin("info", "Back at noon.")).toBe("Back at noon.");
  expect(bulletin("message", "Hello.")).toBe("Message for you: Hello.");
  expect(bulletin("disconnected", "Repairs.", "es")).toBe("El servicio cerró esta conexión: Repairs.");
});

test("the end of a sign-in is told by the clock", () => {
  expect(bulletin("expiring", new Date(2026, 10, 22, 9, 5).toISOString(), "pt-BR")).toMatch(/^Seu acesso termina às 09:05\./);
});

test("markup in a notice is shown, never run, and each can be closed", () => {
  const shown = html(<Bulletins bulletins={[{ id: "b1", kind: "info", text: "<img src=x>" }]} onClose={() => {}} />);
  expect(shown).not.toContain("<img");
  expect(shown).toContain('aria-label="Close this notice"');
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
