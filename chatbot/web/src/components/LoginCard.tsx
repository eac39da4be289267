import { useCallback, useEffect, useId, useState, type FormEvent } from "react";
import { errorSentence, useLanguage } from "../i18n/language";
import { asErrorInfo, demoLogin, fetchConfig, INVALID_USER, USER_NAME, userName } from "../login";
import type { ErrorInfo, GatewayConfig } from "../protocol";
import { Mark, RouteDrawing } from "./icons";
import { Notice } from "./Notice";

interface Props {
  /** Why the reader is (again) at the door. */
  reason: ErrorInfo | null;
  /** The demo user who was here before. */
  user: string | null;
  /** Hears the demo user as well, if it is one's token. */
  onToken: (token: string, user: string | null) => void;
}

/** The code of an error made here: there is no token in the field. */
const TOKEN_RULE = "no_token";

/** The door: a name where there is a demo, else a token. */
export function LoginCard({ reason, user, onToken }: Props) {
  const { messages } = useLanguage();
  const words = messages.login;
  const [config, setConfig] = useState<GatewayConfig | null>(null);
  const [error, setError] = useState<ErrorInfo | null>(reason);
  const [working, setWorking] = useState(false);
  const [value, setValue] = useState<string | null>(null);
  // Prefilled as a name only: where there is no demo the field takes a token.
  const shown = value ?? (config?.demo === true ? user : null) ?? "";
  const invalid = error !== null && (error.code === INVALID_USER || error.code === TOKEN_RULE);
  const ruleId = useId();

  const load = useCallback(() => {
    fetchConfig(fetch).then(setConfig, (failure: unknown) => setError(asErrorInfo(failure)));
  }, []);
  useEffect(load, [load]);

  async function enter(event: FormEvent): Promise<void> {
    event.preventDefault();
    if (config === null || working) return;
    if (!config.demo) {
      const token = shown.trim();
      return token === "" ? setError({ code: TOKEN_RULE, message: words.tokenRule }) : onToken(token, null);
    }
    const name = userName(shown);
    setValue(name);
    if (!USER_NAME.test(name)) return setError({ code: INVALID_USER, message: "" });
    setWorking(true);
    try {
      onToken(await demoLogin(name, fetch), name);
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
                value={shown}
                autoFocus
                autoCapitalize="none"
                autoComplete={config.demo ? "username" : "off"}
                spellCheck={false}
                aria-describedby={ruleId}
                aria-invalid={invalid}
                onChange={(event) => {
                  setValue(event.target.value);
                  if (invalid) setError(null);
                }}
              />
            </label>
            <p id={ruleId} className="rule">
              {config.demo ? words.nameRule : words.tokenRule}
            </p>
            <button type="submit" className="button-main" data-testid="login-submit" disabled={working}>
              {working ? words.working : words.enter}
            </button>
            {config.model.offline && <p className="rule">{messages.model.offline}</p>}
          </form>
        )}
      </div>
    </main>
  );
}
