import { useEffect, useId, useLayoutEffect, useState, type KeyboardEvent, type RefObject } from "react";
import { useLanguage } from "../i18n/language";
import { MAX_TEXT } from "../protocol";
import { SendIcon, StopIcon } from "./icons";

interface Props {
  field: RefObject<HTMLTextAreaElement | null>;
  online: boolean;
  writing: boolean;
  stopping: boolean;
  onAsk: (text: string) => void;
  onStop: () => void;
}

/** Where one asks. It stays open while an answer is written, so that the next question can be prepared. */
export function Composer({ field, online, writing, stopping, onAsk, onStop }: Props) {
  const { locale, messages } = useLanguage();
  const [draft, setDraft] = useState("");
  const noteId = useId();
  const text = draft.trim();
  const excess = [...text].length - MAX_TEXT;
  const sendable = !writing && text !== "" && excess <= 0;
  // Sent before the connection stood: goes out as soon as it does, unless the text is changed meanwhile.
  const [waiting, setWaiting] = useState(false);

  useLayoutEffect(() => {
    const element = field.current;
    if (element === null) return;
    element.style.height = "auto";
    element.style.height = `${element.scrollHeight}px`;
  }, [draft, field]);

  useEffect(() => {
    if (!waiting || !online || !sendable) return;
    setWaiting(false);
    setDraft("");
    onAsk(text);
  }, [waiting, online, sendable, text, onAsk]);

  function send(): void {
    if (sendable) setWaiting(true);
  }

  function onKeyDown(event: KeyboardEvent): void {
    // Enter also ends the composition of a character in an input method.
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    send();
  }

  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <textarea
        ref={field}
        data-testid="composer"
        rows={1}
        value={draft}
        placeholder={messages.composer.placeholder}
        aria-label={messages.composer.label}
        aria-describedby={noteId}
        aria-invalid={excess > 0}
        enterKeyHint="send"
        autoComplete="off"
        onChange={(event) => {
          setDraft(event.target.value);
          setWaiting(false);
        }}
        onKeyDown={onKeyDown}
      />
      {writing ? (
        <button
          key="stop"
          type="button"
          className="button-round button-stop"
          data-testid="stop"
          aria-label={messages.composer.stop}
          title={messages.composer.stop}
          disabled={stopping}
          onClick={onStop}
        >
          <StopIcon />
        </button>
      ) : (
        <button
          key="send"
          type="submit"
          className="button-round"
          data-testid="send"
          aria-label={messages.composer.send}
          title={messages.composer.send}
          aria-busy={waiting}
          disabled={!sendable}
        >
          <SendIcon />
        </button>
      )}
      <p id={noteId} className={excess > 0 ? "composer-excess" : "visually-hidden"}>
        {excess > 0 ? messages.composer.tooLong(excess.toLocaleString(locale)) : messages.composer.hint}
      </p>
    </form>
  );
}
