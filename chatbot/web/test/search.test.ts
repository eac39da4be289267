import { expect, test } from "vitest";
import { describeSearch, travelers } from "../src/search";

test("a search is a route and its dates, in the API's names", () => {
  const search = { originLocationCode: "SAO", destinationLocationCode: "LIS", departureDate: "2026-12-12" };
  expect(describeSearch(search, "en-GB")).toBe("SAO → LIS, 12 Dec");
});

test("a search is read in the model's names too, and words stay words", () => {
  const search = { origin: "São Paulo", destination: "Lisbon", departure_date: "next Friday" };
  expect(describeSearch(search, "en-GB")).toBe("São Paulo → Lisbon, next Friday");
});

test("a round trip shows both dates", () => {
  const search = { origin: "SAO", destination: "LIS", departureDate: "2026-12-12", returnDate: "2026-12-26" };
  expect(describeSearch(search, "en-GB")).toBe("SAO → LIS, 12 Dec – 26 Dec");
});

test("what is missing is left open", () => {
  expect(describeSearch({ destination: "LIS" }, "en-GB")).toBe("… → LIS");
});

test("a search for days shows the span in which to leave", () => {
  const search = { origin: "SAO", destination: "LIS", departure_from: "2026-12-01", departure_to: "2026-12-31" };
  expect(describeSearch(search, "en-GB")).toBe("SAO → LIS, 1 Dec – 31 Dec");
});

test("travelers are counted together, and there is at least one", () => {
  expect(travelers({ adults: 2, children: 1, infants: 1 })).toBe(4);
  expect(travelers({})).toBe(1);
  expect(travelers({ adults: "2" })).toBe(2);
});
