import { calendarDay, carriers, clockTime, dayMark, dayShift, duration, layovers } from "../format";
import { useLanguage } from "../i18n/language";
import type { Itinerary, Segment } from "../protocol";

interface Props {
  itinerary: Itinerary;
  /** "Outbound" or "Return", where there is more than one direction. */
  direction: string | null;
}

/** One direction of a trip: who flies, when one leaves and lands, and where one changes. */
export function ItineraryStrip({ itinerary, direction }: Props) {
  const { locale, messages } = useLanguage();
  const first = itinerary.segments[0];
  const last = itinerary.segments.at(-1);
  if (first === undefined || last === undefined) return null;
  return (
    <div className="itinerary">
      <p className="itinerary-head">
        {direction !== null && <strong>{direction}</strong>}
        <span>{calendarDay(first.departsAt, locale)}</span>
        <span>
          {carriers(itinerary)
            .map(({ name }) => name)
            .join(" + ")}
        </span>
        <Flights segments={itinerary.segments} />
      </p>
      <div className="strip">
        <Call kind="departs" time={first.departsAt} airport={first.origin} terminal={first.originTerminal} days={0} />
        <div className="strip-way">
          <span className="strip-duration">{duration(itinerary.durationMinutes)}</span>
          <span className="strip-line" aria-hidden="true">
            {itinerary.segments.slice(1).map((segment, index) => (
              <i key={index} title={segment.origin} />
            ))}
          </span>
          <span className="strip-stops">
            {itinerary.segments.length < 2 && itinerary.stops === 0
              ? messages.offers.nonstop
              : messages.offers.stops(itinerary.stops)}
            {layovers(itinerary).map(({ airport, minutes }) => (
              <span key={airport}>
                <span className="sep"> · </span>
                {messages.offers.via(airport, minutes === null ? "" : duration(minutes)).trim()}
              </span>
            ))}
          </span>
        </div>
        <Call
          kind="arrives"
          time={last.arrivesAt}
          airport={last.destination}
          terminal={last.destinationTerminal}
          days={dayShift(first.departsAt, last.arrivesAt)}
        />
      </div>
    </div>
  );
}

function Flights({ segments }: { segments: Segment[] }) {
  const { messages } = useLanguage();
  return (
    <span className="flights">
      <span className="visually-hidden">{messages.offers.flight} </span>
      {segments.map(({ flight, operatedBy, carrierName }, index) => {
        const other = operatedBy !== null && operatedBy !== carrierName;
        return (
          <span key={index} className="flight" title={other ? messages.offers.operatedBy(operatedBy) : undefined}>
            {flight}
          </span>
        );
      })}
    </span>
  );
}

interface CallProps {
  kind: "departs" | "arrives";
  time: string;
  airport: string;
  terminal: string | null;
  days: number;
}

/** A place and a time on that place's own clock. */
function Call({ kind, time, airport, terminal, days }: CallProps) {
  const { messages } = useLanguage();
  return (
    <div className={`call call-${kind}`}>
      <span className="visually-hidden">{messages.offers[kind]} </span>
      <span className="call-time">
        <time dateTime={time.slice(0, 16)}>{clockTime(time)}</time>
        {days !== 0 && (
          <sup title={messages.offers.daysLater(days)}>
            <span aria-hidden="true">{dayMark(days)}</span>
            <span className="visually-hidden"> {messages.offers.daysLater(days)}</span>
          </sup>
        )}
      </span>
      <span className="call-airport">
        {airport}
        {terminal !== null && <span className="call-terminal"> T{terminal}</span>}
      </span>
    </div>
  );
}
