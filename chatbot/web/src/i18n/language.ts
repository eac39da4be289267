/** Which language the page speaks, and how it writes numbers and dates. */

import { createContext, useContext } from "react";
import { en } from "./en";
import { es } from "./es";
import type { Messages } from "./messages";
import { pt } from "./pt";

export interface Language {
  /** A BCP 47 tag for `Intl` and for the page's `lang`. */
  locale: string;
  messages: Messages;
}

const TABLES: Readonly<Record<string, Messages>> = { en, es, pt };
/** The tag to use where only the language is known. */
const LOCALES: Readonly<Record<string, string>> = { en: "en", es: "es", pt: "pt-BR" };

/** The first of the reader's languages that the page speaks, else English. */
export function chooseLanguage(preferred: readonly string[]): Language {
  for (const tag of preferred) {
    const language = tag.split("-")[0]?.toLowerCase() ?? "";
    const messages = TABLES[language];
    if (messages !== undefined) return { locale: tag.includes("-") ? tag : (LOCALES[language] ?? tag), messages };
  }
  return { locale: "en", messages: en };
}

const LanguageContext = createContext<Language>({ locale: "en", messages: en });

export const LanguageProvider = LanguageContext.Provider;

export function useLanguage(): Language {
  return useContext(LanguageContext);
}

/** A sentence for an error: ours where the code is known, else the gateway's, else the fallback. */
export function errorSentence(messages: Messages, error: { code: string; message: string }, fallback: string): string {
  return messages.errors[error.code] ?? (error.message === "" ? fallback : error.message);
}
