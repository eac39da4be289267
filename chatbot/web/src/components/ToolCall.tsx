import type { ToolPart } from "../answer";
import { errorSentence, useLanguage, type Language } from "../i18n/language";
import { describeSearch, isFlightSearch } from "../search";
import { CheckIcon, StopIcon, WarnIcon } from "./icons";

/** What a tool call is doing or did, in a line; also what is announced of it. */
export function toolSentence(part: ToolPart, { messages, locale }: Language): string {
  const { state, input, name } = part;
  const words = messages.tool;
  const reason = state === "error" ? reasonOf(part, { messages, locale }) : "";
  if (!isFlightSearch(input)) {
    if (state === "running") return words.running(name);
    return reason === "" ? words.done(name) : `${words.done(name)}: ${reason}`;
  }
  const search = describeSearch(input, locale);
  if (state === "running") return words.searching(search);
  if (state === "stopped") return words.stopped(search);
  if (state === "done") return words.searched(search);
  return reason === "" ? words.failed(search) : `${words.failed(search)}: ${reason}`;
}

/** Why a call failed. The gateway's own sentence says more than its code, but only in English. */
function reasonOf({ code, message }: ToolPart, { messages, locale }: Language): string {
  const told = message ?? "";
  if (told !== "" && locale.startsWith("en")) return told;
  return errorSentence(messages, { code: code ?? "", message: told }, "");
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
