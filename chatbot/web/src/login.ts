/** How the page comes by its token, and where it keeps it: in this tab, until the tab is closed. */

import { AUTH_CODES, type ErrorInfo, type GatewayConfig } from "./protocol";
import type { SessionMemory } from "./connection";

const TOKEN = "chat.token";
const SESSION = "chat.session";
const USER = "chat.user";

/** The gateway's code for a name that is none. */
export const INVALID_USER = "invalid_user";

/** What the gateway takes as a demo user's name. */
export const USER_NAME = /^[a-z0-9_-]{1,32}$/;

/** What was typed, as a demo user's name is written: `João da Silva` → `joao-da-silva`. */
export function userName(typed: string): string {
  return typed.trim().normalize("NFD").replace(/\p{M}/gu, "").toLowerCase().replace(/\s+/g, "-");
}

/** A refusal, with the gateway's stable word for it. */
export class LoginError extends Error {
  readonly code: string;

  constructor({ code, message }: ErrorInfo) {
    super(message);
    this.name = "LoginError";
    this.code = code;
  }
}

type Fetch = (path: string, init?: RequestInit) => Promise<Response>;
type Page = Pick<Location, "hash" | "search" | "pathname">;

/** The tab's own memory of who is here and in which session. */
export class Tab {
  readonly #storage: Storage;

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  get token(): string | null {
    return this.#storage.getItem(TOKEN);
  }

  set token(token: string | null) {
    this.#set(TOKEN, token);
  }

  /** The demo user that the token was issued to; null for a token from elsewhere. */
  get user(): string | null {
    return this.#storage.getItem(USER);
  }

  set user(user: string | null) {
    this.#set(USER, user);
  }

  readonly session: SessionMemory = {
    read: () => this.#storage.getItem(SESSION),
    write: (sessionId) => this.#set(SESSION, sessionId),
  };

  #set(key: string, value: string | null): void {
    if (value === null) this.#storage.removeItem(key);
    else this.#storage.setItem(key, value);
  }
}

/** Take `#token=…` out of the address, so that it stays neither in the address bar nor in the history. */
export function takeToken(page: Page, history: Pick<History, "replaceState">): string | null {
  const fragment = new URLSearchParams(page.hash.slice(1));
  const token = fragment.get("token");
  if (token === null) return null;
  fragment.delete("token");
  const rest = fragment.toString();
  history.replaceState(null, "", page.pathname + page.search + (rest === "" ? "" : `#${rest}`));
  return token.trim() === "" ? null : token.trim();
}

/** The demo user that `?demo=…` asks for. */
export function demoUser(page: Page): string | null {
  return new URLSearchParams(page.search).get("demo");
}

/** Take `?demo=…`, and nothing else, out of the address: it has done its work. */
export function dropDemoUser(page: Page, history: Pick<History, "replaceState">): void {
  const query = new URLSearchParams(page.search);
  query.delete("demo");
  const rest = query.toString();
  history.replaceState(null, "", page.pathname + (rest === "" ? "" : `?${rest}`) + page.hash);
}

export interface Arrival {
  tab: Tab;
  page: Page;
  history: Pick<History, "replaceState">;
  fetch: Fetch;
}

/**
 * Let the address say who is here, and leave the token in the tab.
 *
 * `#token=…` comes first, then `?demo=…` where there is a demo, then what the tab remembers. Resolves with
 * why a demo login failed, else with null; never rejects.
 */
export async function arrive({ tab, page, history, fetch }: Arrival): Promise<ErrorInfo | null> {
  const token = takeToken(page, history);
  if (token !== null) {
    tab.token = token;
    tab.user = null;
    return null;
  }
  const user = demoUser(page);
  if (user === null) return null;
  try {
    if (!(await fetchConfig(fetch)).demo) return null;
    tab.token = await demoLogin(user, fetch);
    tab.user = user;
    dropDemoUser(page, history);
    return null;
  } catch (failure) {
    const reason = asErrorInfo(failure);
    // A name that is refused is refused again after a reload; a gateway out of reach may be back by then.
    if (reason.code === INVALID_USER) dropDemoUser(page, history);
    return reason;
  }
}

/**
 * A new token for the demo user whose token the gateway does not take any more, left in the tab as well; null
 * where only the reader can sign in, or where the gateway cannot be asked. Never rejects.
 *
 * A demo's gateway makes up a new secret each time it starts, so its restart ends every sign-in. A sign-in
 * that somebody has ended on purpose is for the reader to begin again.
 */
export async function renewDemo(tab: Tab, { code }: ErrorInfo, fetch: Fetch): Promise<string | null> {
  const { user } = tab;
  if (user === null || !AUTH_CODES.has(code) || code === "token_revoked") return null;
  try {
    if (!(await fetchConfig(fetch)).demo) return null;
    return (tab.token = await demoLogin(user, fetch));
  } catch {
    return null;
  }
}

/** Raises LoginError: the gateway did not answer as a gateway does. */
export async function fetchConfig(fetch: Fetch): Promise<GatewayConfig> {
  return (await reply(fetch, "/config")) as GatewayConfig;
}

/** A token for a demo user. Raises LoginError: the name is refused, or there is no demo here. */
export async function demoLogin(user: string, fetch: Fetch): Promise<string> {
  const body = (await reply(fetch, "/demo/login", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ user }),
  })) as { token: string };
  return body.token;
}

async function reply(fetch: Fetch, path: string, init?: RequestInit): Promise<unknown> {
  const response = await fetch(path, init).catch(() => null);
  if (response === null) throw new LoginError({ code: "unreachable", message: "" });
  const body = (await response.json().catch(() => null)) as { error?: ErrorInfo } | null;
  if (response.ok && body !== null) return body;
  throw new LoginError(body?.error ?? { code: "unreachable", message: "" });
}

export function asErrorInfo(failure: unknown): ErrorInfo {
  if (failure instanceof LoginError) return { code: failure.code, message: failure.message };
  return { code: "unreachable", message: "" };
}
