import { useState } from "react";
import { exampleQuestions } from "../examples";
import { useLanguage } from "../i18n/language";
import { RouteDrawing } from "./icons";

interface Props {
  canAsk: boolean;
  onAsk: (text: string) => void;
}

export function EmptyState({ canAsk, onAsk }: Props) {
  const language = useLanguage();
  const [questions] = useState(() => exampleQuestions(language, new Date()));
  const { empty } = language.messages;
  return (
    <section className="empty" data-testid="empty-state">
      <RouteDrawing />
      <h2>{empty.heading}</h2>
      <p>{empty.lead}</p>
      <ul aria-label={empty.examples}>
        {questions.map((question) => (
          <li key={question}>
            <button type="button" data-testid="example" disabled={!canAsk} onClick={() => onAsk(question)}>
              {question}
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
