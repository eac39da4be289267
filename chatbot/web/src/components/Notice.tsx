import type { ReactNode } from "react";
import { RetryIcon, WarnIcon } from "./icons";

interface Props {
  children: ReactNode;
  /** An error stands out; anything else is said quietly. */
  tone?: "error" | "quiet";
  action?: { label: string; run: () => void; disabled?: boolean } | undefined;
}

/** A sentence from the page itself, with what can be done about it. */
export function Notice({ children, tone = "error", action }: Props) {
  return (
    <div className={`notice notice-${tone}`} {...(tone === "error" ? { "data-testid": "error-note" } : {})}>
      {tone === "error" && <WarnIcon />}
      <p>{children}</p>
      {action !== undefined && (
        <button type="button" className="button-quiet" data-testid="retry" disabled={action.disabled} onClick={action.run}>
          <RetryIcon />
          {action.label}
        </button>
      )}
    </div>
  );
}
