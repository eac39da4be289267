import { useId, useState } from "react";
import type { OffersPart } from "../answer";
import { useLanguage } from "../i18n/language";
import { dates, route, travelers } from "../search";
import { OfferTicket } from "./OfferTicket";
import { SourceBadge } from "./SourceBadge";

/** How many offers are shown before the reader asks for all. */
const SHOWN_FIRST = 4;

/** What one search found: the route, how fresh the answer is, and the offers. */
export function OfferList({ part: { found, bornAt } }: { part: OffersPart }) {
  const { locale, messages } = useLanguage();
  const [all, setAll] = useState(false);
  const listId = useId();
  const shown = all ? found.offers : found.offers.slice(0, SHOWN_FIRST);
  return (
    <section className="offers" aria-label={`${messages.tool.flights} ${route(found.search)}`}>
      <header className="offers-head">
        <h3>
          <span className="codes">{route(found.search)}</span> <span className="offers-when">{dates(found.search, locale)}</span>
        </h3>
        <SourceBadge source={found.source} bornAt={bornAt} />
        <p className="offers-count">
          {found.total === 0 ? messages.offers.none : messages.offers.found(found.offers.length, found.total)}
        </p>
      </header>
      <ol id={listId}>
        {shown.map((offer) => (
          <li key={offer.id}>
            <OfferTicket offer={offer} travelers={travelers(found.search)} />
          </li>
        ))}
      </ol>
      {found.offers.length > SHOWN_FIRST && (
        <button
          type="button"
          className="button-quiet"
          aria-expanded={all}
          aria-controls={listId}
          onClick={() => setAll(!all)}
        >
          {all ? messages.offers.showFewer : messages.offers.showAll(found.offers.length)}
        </button>
      )}
    </section>
  );
}
