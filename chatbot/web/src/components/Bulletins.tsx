import { memo } from "react";
import type { Bulletin } from "../bulletins";
import { timeOfDay } from "../format";
import { useLanguage, type Language } from "../i18n/language";
import { CloseIcon, InfoIcon, WarnIcon } from "./icons";

interface Props {
  bulletins: readonly Bulletin[];
  onClose: (id: string) => void;
}

/** What the gateway has to say beside answers: quietly, above the conversation, until it is closed. */
export const Bulletins = memo(function Bulletins({ bulletins, onClose }: Props) {
  const language = useLanguage();
  const words = language.messages.bulletins;
  return (
    <div className="bulletins" role="log" aria-live="polite" aria-label={words.label}>
      {bulletins.map((bulletin) => (
        <div key={bulletin.id} className="bulletin" data-testid="bulletin" data-kind={bulletin.kind}>
          {bulletin.kind === "info" || bulletin.kind === "message" ? <InfoIcon /> : <WarnIcon />}
          <p>{bulletinSentence(bulletin, language)}</p>
          <button
            type="button"
            className="bulletin-close"
            data-testid="bulletin-close"
            aria-label={words.close}
            title={words.close}
            onClick={() => onClose(bulletin.id)}
          >
            <CloseIcon />
          </button>
        </div>
      ))}
    </div>
  );
});

/** The words of others stand as they are, behind whose they are. */
export function bulletinSentence({ kind, text }: Bulletin, { messages, locale }: Language): string {
  const words = messages.bulletins;
  switch (kind) {
    case "info":
    case "warning":
      return text;
    case "message":
      return words.message(text);
    case "disconnected":
      return words.disconnected(text);
    case "expiring":
      return words.expiring(timeOfDay(text, locale));
  }
}
