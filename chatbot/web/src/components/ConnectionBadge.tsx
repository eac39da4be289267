import type { ConnectionState } from "../connection";
import { errorSentence, useLanguage } from "../i18n/language";

interface Props {
  state: ConnectionState;
  onReconnect: () => void;
}

/** Whether the page can talk to the gateway; said aloud when it changes. */
export function ConnectionBadge({ state, onReconnect }: Props) {
  const { messages } = useLanguage();
  const words = messages.connection;
  const waiting = state.kind === "retrying" || state.kind === "refused";
  return (
    <div className={`connection connection-${state.kind}`}>
      <p role="status" data-testid="connection-state" data-state={state.kind}>
        <span className="connection-dot" aria-hidden="true" />
        <span className="connection-words">
          {waiting && state.error !== null ? errorSentence(messages, state.error, words[state.kind]) : words[state.kind]}
        </span>
      </p>
      {waiting && (
        <button type="button" className="button-quiet button-small" onClick={onReconnect}>
          {words.tryNow}
        </button>
      )}
    </div>
  );
}
