import { memo, useEffect, useState } from "react";
import { textOf, type Answer, type Ending, type Part } from "../answer";
import { errorSentence, useLanguage } from "../i18n/language";
import type { Messages } from "../i18n/messages";
import { CheckIcon, CopyIcon, Mark } from "./icons";
import { Markdown } from "./Markdown";
import { Notice } from "./Notice";
import { OfferList } from "./OfferList";
import { ToolCall } from "./ToolCall";

interface Props {
  answer: Answer;
  /** The text to ask again, when this is the last answer. */
  question: string | null;
  canAsk: boolean;
  onAsk: (text: string) => void;
}

/** Why an answer is not a whole one, in a sentence; null when it is. Errors may be worth another try. */
export function endingSentence(ending: Ending | null, messages: Messages): { text: string; failed: boolean } | null {
  switch (ending?.reason) {
    case "error":
      return {
        text: ending.error === null ? messages.endings.error : errorSentence(messages, ending.error, messages.endings.error),
        failed: true,
      };
    case "interrupted":
      return { text: messages.endings.interrupted, failed: true };
    case "stopped":
    case "max_tokens":
    case "max_rounds":
    case "refused":
      return { text: messages.endings[ending.reason], failed: false };
    case "end_turn":
    case undefined:
      return null;
  }
}

/** One answer: tool calls, offers and text in the order in which they came. */
export const AnswerView = memo(function AnswerView({ answer, question, canAsk, onAsk }: Props) {
  const { messages } = useLanguage();
  const writing = answer.ending === null;
  const ending = endingSentence(answer.ending, messages);
  const text = textOf(answer);
  const busy = answer.parts.some((part) => part.kind === "tool" && part.state === "running");
  return (
    <article className="answer" aria-busy={writing} data-testid="message-assistant">
      <h2 className="visually-hidden">{messages.chat.assistant}</h2>
      <Mark />
      <div className="answer-body">
        {answer.parts.map((part, index) => (
          <PartView key={index} part={part} />
        ))}
        {writing && !busy && (
          <p className="writing">
            <span className="visually-hidden">{answer.stopping ? messages.chat.stopping : messages.chat.working}</span>
            <i aria-hidden="true" />
            <i aria-hidden="true" />
            <i aria-hidden="true" />
          </p>
        )}
        {ending !== null && (
          <Notice
            tone={ending.failed ? "error" : "quiet"}
            action={
              question !== null && (ending.failed || answer.ending?.reason === "stopped")
                ? { label: messages.chat.retry, run: () => onAsk(question), disabled: !canAsk }
                : undefined
            }
          >
            {ending.text}
          </Notice>
        )}
        {!writing && text !== "" && <CopyButton text={text} />}
      </div>
    </article>
  );
});

function PartView({ part }: { part: Part }) {
  switch (part.kind) {
    case "text":
      return <Markdown text={part.text} />;
    case "tool":
      return <ToolCall part={part} />;
    case "offers":
      return <OfferList part={part} />;
  }
}

function CopyButton({ text }: { text: string }) {
  const { messages } = useLanguage();
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), 2_000);
    return () => clearTimeout(timer);
  }, [copied]);
  // The clipboard exists only on pages served with TLS or from this machine.
  if (!("clipboard" in navigator)) return null;
  const copy = () =>
    navigator.clipboard.writeText(text).then(
      () => setCopied(true),
      () => setCopied(false),
    );
  return (
    <button type="button" className="button-quiet button-small" data-testid="copy" onClick={() => void copy()}>
      {copied ? <CheckIcon /> : <CopyIcon />}
      <span aria-live="polite">{copied ? messages.chat.copied : messages.chat.copy}</span>
    </button>
  );
}
