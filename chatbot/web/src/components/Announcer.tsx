import { useEffect, useRef, useState } from "react";
import type { Answer } from "../answer";
import { money } from "../format";
import { useLanguage } from "../i18n/language";
import { Narrator } from "../narrator";
import { endingSentence } from "./AnswerView";
import { toolSentence } from "./ToolCall";

/** How many announcements stay in the log: older ones have been read, and stand in the conversation. */
const KEPT = 8;

/** The log that screen readers follow, apart from what is seen: the visible text grows by syllables. */
export function Announcer({ answer }: { answer: Answer | null }) {
  const language = useLanguage();
  const narrator = useRef<Narrator | null>(null);
  const count = useRef(0);
  const [lines, setLines] = useState<{ id: number; text: string }[]>([]);

  useEffect(() => {
    if (answer === null) return;
    const { locale, messages } = language;
    narrator.current ??= new Narrator();
    const news = narrator.current.hear(answer, {
      tool: (part) => toolSentence(part, language),
      offers: ({ found }) => {
        const cheapest = found.offers[0];
        if (cheapest === undefined) return messages.offers.none;
        return messages.offers.cheapest(found.total, money(cheapest.total, cheapest.currency, locale));
      },
      ending: (ending) => endingSentence(ending, messages)?.text ?? null,
    });
    if (news.length === 0) return;
    const numbered = news.map((text) => ({ id: (count.current += 1), text }));
    setLines((before) => [...before, ...numbered].slice(-KEPT));
  }, [answer, language]);

  return (
    <div className="visually-hidden" role="log" aria-live="polite" aria-label={language.messages.chat.announcements}>
      {lines.map(({ id, text }) => (
        <p key={id}>{text}</p>
      ))}
    </div>
  );
}
