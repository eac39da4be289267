import { carriers, clockTime, fare, money } from "../format";
import { useLanguage, type Language } from "../i18n/language";
import type { OfferCard } from "../protocol";
import { ItineraryStrip } from "./ItineraryStrip";

/** From how many free seats downward their number is worth a warning. */
const FEW_SEATS = 5;

/** One offer as a ticket: the journey on the body, the price on the stub. */
export function OfferTicket({ offer, travelers }: { offer: OfferCard; travelers: number }) {
  const language = useLanguage();
  const { locale, messages } = language;
  const words = messages.offers;
  const directions = offer.itineraries.length === 2 ? [words.outbound, words.inbound] : [];
  return (
    <article className="ticket" data-testid="offer-card" data-offer-id={offer.id} aria-label={label(offer, language)}>
      <div className="ticket-body">
        {offer.itineraries.map((itinerary, index) => (
          <ItineraryStrip key={index} itinerary={itinerary} direction={directions[index] ?? null} />
        ))}
      </div>
      <div className="ticket-stub">
        <p className="price">{money(offer.total, offer.currency, locale)}</p>
        {travelers > 1 && <p className="price-for">{words.travelers(travelers)}</p>}
        <ul className="terms">
          <li>
            {fare(words.cabins[offer.cabin] ?? offer.cabin, offer.fareBrand)}
          </li>
          {offer.checkedBags !== null && (
            <li>{/^0\b/.test(offer.checkedBags) ? words.noBags : words.bags(offer.checkedBags)}</li>
          )}
          {offer.seatsLeft !== null && offer.seatsLeft <= FEW_SEATS && (
            <li className="few">{words.seatsLeft(offer.seatsLeft)}</li>
          )}
        </ul>
      </div>
    </article>
  );
}

/** What tells an offer from its neighbours: `€685.40, TAP Air Portugal, departs 22:55, GRU → LIS`. */
function label({ total, currency, itineraries }: OfferCard, { locale, messages }: Language): string {
  const price = money(total, currency, locale);
  const outbound = itineraries[0];
  const [first, last] = [outbound?.segments[0], outbound?.segments.at(-1)];
  if (outbound === undefined || first === undefined || last === undefined) return price;
  const names = carriers(outbound).map(({ name }) => name);
  const departure = `${messages.offers.departs} ${clockTime(first.departsAt)}`;
  return [price, names.join(" + "), departure, `${first.origin} → ${last.destination}`].join(", ");
}
