import type { Question } from "../conversation";
import { errorSentence, useLanguage } from "../i18n/language";
import { Notice } from "./Notice";

interface Props {
  question: Question;
  /** The conversation ends here, and nobody is writing an answer. */
  unanswered: boolean;
  canAsk: boolean;
  onAsk: (text: string, messageId?: string) => void;
}

export function QuestionBubble({ question, unanswered, canAsk, onAsk }: Props) {
  const { messages } = useLanguage();
  const { text, messageId, delivery, error } = question;
  return (
    <article className={`question question-${delivery}`} data-testid="message-user">
      <h2 className="visually-hidden">{messages.chat.you}</h2>
      <p className="bubble">{text}</p>
      {delivery === "failed" && (
        <Notice action={{ label: messages.chat.retry, run: () => onAsk(text, messageId), disabled: !canAsk }}>
          {messages.chat.notSent} {error !== null && errorSentence(messages, error, "")}
        </Notice>
      )}
      {delivery === "sent" && unanswered && (
        <Notice tone="quiet" action={{ label: messages.chat.retry, run: () => onAsk(text), disabled: !canAsk }}>
          {messages.chat.unanswered}
        </Notice>
      )}
    </article>
  );
}
