import { ageInSeconds, humanAge } from "../age";
import { useLanguage } from "../i18n/language";
import { useNow } from "../now";
import type { Source } from "../protocol";
import { StoredIcon } from "./icons";

/** Below this age, in seconds, a live result is simply "live". */
const FRESH = 10;

/** Whether offers came from the flight API or from the cache, and how old they are by now. */
export function SourceBadge({ source, bornAt }: { source: Source; bornAt: number }) {
  const { messages } = useLanguage();
  const age = ageInSeconds(bornAt, useNow());
  return (
    <span className={`badge badge-${source}`} data-testid="source-badge" data-source={source} data-age={age}>
      {source === "live" ? <span className="badge-dot" aria-hidden="true" /> : <StoredIcon />}
      {label()}
    </span>
  );

  function label(): string {
    if (source === "cache") return messages.source.cache(humanAge(age));
    return age < FRESH ? messages.source.live : messages.source.liveSince(humanAge(age));
  }
}
