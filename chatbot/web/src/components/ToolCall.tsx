import type { ToolPart } from "../answer";
import { useLanguage, type Language } from "../i18n/language";
import type { Messages, ToolName } from "../i18n/messages";
import { describeSearch } from "../search";
import { CheckIcon, StopIcon, WarnIcon } from "./icons";

/** What a tool call is doing or did, in a line; also what is announced of it. */
export function toolSentence(part: ToolPart, language: Language): string {
  const { messages } = language;
  const words = Object.hasOwn(messages.tools, part.name) ? messages.tools[part.name as ToolName] : null;
  const line = words === null ? otherTool(part, messages) : words[part.state](about(part, language));
  const reason = part.state === "error" ? reasonOf(part, language) : "";
  return reason === "" ? line : `${line}: ${reason}`;
}

function otherTool({ state, name }: ToolPart, { tool }: Messages): string {
  return state === "running" ? tool.running(name) : tool.done(name);
}

/** What a call is about, as far as its input says. */
function about({ name, input }: ToolPart, { locale }: Language): string {
  if (name === "find_airport") return typeof input.query === "string" ? `“${input.query}”` : "…";
  return describeSearch(input, locale);
}

/** Why a call failed. The gateway's own sentence says more than its code, but only in English. */
function reasonOf({ code, message }: ToolPart, { messages, locale }: Language): string {
  const told = message ?? "";
  if (told !== "" && locale.startsWith("en")) return told;
  return messages.toolErrors[code ?? ""] ?? told;
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
