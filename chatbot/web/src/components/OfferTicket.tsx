import { fare, money } from "../format";
import { useLanguage } from "../i18n/language";
import type { OfferCard } from "../protocol";
import { ItineraryStrip } from "./ItineraryStrip";

/** From how many free seats downward their number is worth a warning. */
const FEW_SEATS = 5;

/** One offer as a ticket: the journey on the body, the price on the stub. */
export function OfferTicket({ offer, travelers }: { offer: OfferCard; travelers: number }) {
  const { locale, messages } = useLanguage();
  const words = messages.offers;
  const directions = offer.itineraries.length === 2 ? [words.outbound, words.inbound] : [];
  return (
    <article className="ticket" data-testid="offer-card" data-offer-id={offer.id}>
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
