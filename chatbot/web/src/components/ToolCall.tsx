import type { ToolPart } from "../answer";
import { useLanguage, type Language } from "../i18n/language";
import { describeSearch, isFlightSearch } from "../search";
import { CheckIcon, StopIcon, WarnIcon } from "./icons";

/** What a tool call is doing or did, in a line; also what is announced of it. */
export function toolSentence({ state, input, name, message }: ToolPart, { messages, locale }: Language): string {
  const words = messages.tool;
  if (!isFlightSearch(input)) {
    if (state === "running") return words.running(name);
    return message === null ? words.done(name) : `${words.done(name)}: ${message}`;
  }
  const search = describeSearch(input, locale);
  if (state === "running") return words.searching(search);
  if (state === "stopped") return words.stopped(search);
  if (state === "done") return words.searched(search);
  return message === null ? words.failed(search) : `${words.failed(search)}: ${message}`;
}

/** A tool call: shown while it runs, and afterwards as a line of record. */
export function ToolCall({ part }: { part: ToolPart }) {
  const language = useLanguage();
  return (
    <p className={`tool tool-${part.state}`} data-testid="tool-call" data-state={part.state} data-tool={part.name}>
      <span className="tool-sign" aria-hidden="true">
        {part.state === "running" && <span className="spinner" />}
        {part.state === "done" && <CheckIcon />}
        {part.state === "error" && <WarnIcon />}
        {part.state === "stopped" && <StopIcon />}
      </span>
      {toolSentence(part, language)}
    </p>
  );
}
