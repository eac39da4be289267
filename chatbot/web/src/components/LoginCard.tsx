import { useCallback, useEffect, useId, useState, type FormEvent } from "react";
import { errorSentence, useLanguage } from "../i18n/language";
import { asErrorInfo, demoLogin, fetchConfig, USER_NAME } from "../login";
import type { ErrorInfo, GatewayConfig } from "../protocol";
import { Mark, RouteDrawing } from "./icons";
import { Notice } from "./Notice";

interface Props {
  /** Why the reader is (again) at the door. */
  reason: ErrorInfo | null;
  onToken: (token: string) => void;
}

/** The door: a name where there is a demo, else a token. */
export function LoginCard({ reason, onToken }: Props) {
  const { messages } = useLanguage();
  const words = messages.login;
  const [config, setConfig] = useState<GatewayConfig | null>(null);
  const [error, setError] = useState<ErrorInfo | null>(reason);
  const [working, setWorking] = useState(false);
  const [value, setValue] = useState("");
  const ruleId = useId();

  const load = useCallback(() => {
    fetchConfig(fetch).then(setConfig, (failure: unknown) => setError(asErrorInfo(failure)));
  }, []);
  useEffect(load, [load]);

  async function enter(event: FormEvent): Promise<void> {
    event.preventDefault();
    if (config === null || working) return;
    const given = value.trim();
    if (!config.demo) return given === "" ? setError({ code: "", message: words.tokenRule }) : onToken(given);
    if (!USER_NAME.test(given)) return setError({ code: "", message: words.nameRule });
    setWorking(true);
    try {
      onToken(await demoLogin(given, fetch));
    } catch (failure) {
      setError(asErrorInfo(failure));
      setWorking(false);
    }
  }

  return (
    <main className="door">
      <div className="door-card">
        <p className="door-brand">
          <Mark />
          {messages.brand}
        </p>
        <RouteDrawing />
        <h1>{words.heading}</h1>
        <p>{words.lead}</p>
        {error !== null && (
          <div role="alert">
            <Notice
              action={
                config === null && error.code === "unreachable"
                  ? {
                      label: messages.chat.retry,
                      run: () => {
                        setError(null);
                        load();
                      },
                    }
                  : undefined
              }
            >
              {errorSentence(messages, error, messages.connection.refused)}
            </Notice>
          </div>
        )}
        {config !== null && (
          <form onSubmit={(event) => void enter(event)} noValidate>
            <label>
              <span>{config.demo ? words.nameLabel : words.tokenLabel}</span>
              <input
                data-testid="login-name"
                type={config.demo ? "text" : "password"}
                value={value}
                autoFocus
                autoCapitalize="none"
                autoComplete={config.demo ? "username" : "off"}
                spellCheck={false}
                aria-describedby={ruleId}
                onChange={(event) => setValue(event.target.value)}
              />
            </label>
            <p id={ruleId} className="rule">
              {config.demo ? words.nameRule : words.tokenRule}
            </p>
            <button type="submit" className="button-main" data-testid="login-submit" disabled={working}>
              {working ? words.working : config.demo ? words.start : words.enter}
            </button>
            {config.model.offline && <p className="rule">{messages.model.offline}</p>}
          </form>
        )}
      </div>
    </main>
  );
}
