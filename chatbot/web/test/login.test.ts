import { expect, test } from "vitest";
import {
  arrive,
  demoLogin,
  dropDemoUser,
  fetchConfig,
  LoginError,
  renewDemo,
  Tab,
  takeToken,
  USER_NAME,
  userName,
} from "../src/login";

const OFFLINE = { name: "offline-demo", offline: true };

class MemoryStorage implements Storage {
  readonly #items = new Map<string, string>();

  get length(): number {
    return this.#items.size;
  }
  key = (index: number) => [...this.#items.keys()][index] ?? null;
  getItem = (key: string) => this.#items.get(key) ?? null;
  setItem = (key: string, value: string) => void this.#items.set(key, value);
  removeItem = (key: string) => void this.#items.delete(key);
  clear = () => this.#items.clear();
}

/** An address bar that remembers what it was changed to. */
function addressBar(search: string, hash = "") {
  const bar = { pathname: "/", search, hash, url: null as string | null };
  return { page: bar, history: { replaceState: (_: unknown, __: string, url?: string | URL | null) => void (bar.url = String(url)) } };
}

/** A gateway that answers `/config` and `/demo/login`, and notes what it was asked. */
function gateway({ demo = true, refusal = null as object | null } = {}) {
  const asked: string[] = [];
  const fetch = async (path: string, init?: RequestInit) => {
    asked.push(init?.body === undefined ? path : `${path} ${String(init.body)}`);
    if (path === "/config") return Response.json({ demo, model: OFFLINE });
    if (refusal !== null) return Response.json({ error: refusal }, { status: 400 });
    return Response.json({ token: "jwt", userId: "ana" });
  };
  return { asked, fetch };
}

test("a token in the fragment moves into the tab and out of the address", async () => {
  const { page, history } = addressBar("?lang=pt", "#token=abc&section=2");
  const tab = new Tab(new MemoryStorage());
  expect(await arrive({ tab, page, history, ...gateway() })).toBeNull();
  expect(tab.token).toBe("abc");
  expect(page.url).toBe("/?lang=pt#section=2");
});

test("an empty token is none, and leaves the address all the same", () => {
  const { page, history } = addressBar("", "#token=");
  expect(takeToken(page, history)).toBeNull();
  expect(page.url).toBe("/");
});

test("an address without a token is left alone", () => {
  const { page, history } = addressBar("", "#section=2");
  expect(takeToken(page, history)).toBeNull();
  expect(page.url).toBeNull();
});

test("?demo logs in where there is a demo, and leaves the address", async () => {
  const { page, history } = addressBar("?lang=pt&demo=ana", "#end");
  const tab = new Tab(new MemoryStorage());
  const { asked, fetch } = gateway();
  expect(await arrive({ tab, page, history, fetch })).toBeNull();
  expect([tab.token, tab.user]).toEqual(["jwt", "ana"]);
  expect(asked).toEqual(["/config", '/demo/login {"user":"ana"}']);
  expect(page.url).toBe("/?lang=pt#end");
});

test("?demo does nothing where there is no demo", async () => {
  const { page, history } = addressBar("?demo=ana");
  const tab = new Tab(new MemoryStorage());
  const { asked, fetch } = gateway({ demo: false });
  expect(await arrive({ tab, page, history, fetch })).toBeNull();
  expect([tab.token, asked, page.url]).toEqual([null, ["/config"], null]);
});

test("a refused demo name is explained at the door", async () => {
  const { page, history } = addressBar("?demo=Ana!");
  const refusal = { code: "invalid_user", message: "user: 1 to 32 of a-z 0-9 - _." };
  expect(await arrive({ tab: new Tab(new MemoryStorage()), page, history, ...gateway({ refusal }) })).toEqual(refusal);
  expect(page.url).toBe("/");
});

test("a gateway that cannot be reached is explained at the door", async () => {
  const { page, history } = addressBar("?demo=ana");
  const fetch = () => Promise.reject(new TypeError("Failed to fetch"));
  expect(await arrive({ tab: new Tab(new MemoryStorage()), page, history, fetch })).toMatchObject({ code: "unreachable" });
  expect(page.url).toBeNull();
});

test("an answer that is not JSON counts as unreachable", async () => {
  const fetch = async () => new Response("<html>", { status: 502 });
  await expect(fetchConfig(fetch)).rejects.toMatchObject({ code: "unreachable" });
  await expect(demoLogin("ana", fetch)).rejects.toBeInstanceOf(LoginError);
});

test("dropping ?demo from an address that has nothing else leaves the path", () => {
  const { page, history } = addressBar("?demo=ana");
  dropDemoUser(page, history);
  expect(page.url).toBe("/");
});

test("the tab remembers token and session until told to forget", () => {
  const storage = new MemoryStorage();
  const tab = new Tab(storage);
  tab.token = "abc";
  tab.session.write("s1");
  expect([new Tab(storage).token, new Tab(storage).session.read()]).toEqual(["abc", "s1"]);
  tab.token = null;
  tab.session.write(null);
  expect(storage.length).toBe(0);
});

test.each(["ana", "a", "x_9-", "a".repeat(32)])("%s may be a demo user", (name) => {
  expect(USER_NAME.test(name)).toBe(true);
});

test.each(["", "Ana", "ana maria", "josé", "a".repeat(33)])("%s may not be a demo user", (name) => {
  expect(USER_NAME.test(name)).toBe(false);
});

test.each([
  ["João", "joao"],
  [" Ana Maria ", "ana-maria"],
  ["Zoë\u0301", "zoe"],
  ["bob_2", "bob_2"],
  ["!", "!"],
])("%s is written %s as a demo user", (typed, name) => {
  expect(userName(typed)).toBe(name);
});

const INVALID = { code: "token_invalid", message: "The token does not hold." };

function signedIn(user: string | null): Tab {
  const tab = new Tab(new MemoryStorage());
  tab.token = "old";
  tab.user = user;
  return tab;
}

test("a demo user whose token is refused is signed in again under the same name", async () => {
  const tab = signedIn("ana");
  const { asked, fetch } = gateway();
  expect(await renewDemo(tab, INVALID, fetch)).toBe("jwt");
  expect([tab.token, asked]).toEqual(["jwt", ["/config", '/demo/login {"user":"ana"}']]);
});

test("a token from elsewhere is never renewed", async () => {
  const { asked, fetch } = gateway();
  expect(await renewDemo(signedIn(null), INVALID, fetch)).toBeNull();
  expect(asked).toEqual([]);
});

test("a refusal that is not about the token, or a place without a demo, renews nothing", async () => {
  expect(await renewDemo(signedIn("ana"), { code: "internal", message: "" }, gateway().fetch)).toBeNull();
  expect(await renewDemo(signedIn("ana"), INVALID, gateway({ demo: false }).fetch)).toBeNull();
});

test("a sign-in that was ended on purpose is not renewed behind the reader's back", async () => {
  const { asked, fetch } = gateway();
  expect(await renewDemo(signedIn("ana"), { code: "token_revoked", message: "" }, fetch)).toBeNull();
  expect(asked).toEqual([]);
});

test("a gateway that does not sign in again is no fault", async () => {
  expect(await renewDemo(signedIn("ana"), INVALID, () => Promise.reject(new TypeError("Failed")))).toBeNull();
});

test("a token in the fragment forgets the demo user who was here", async () => {
  const tab = signedIn("ana");
  await arrive({ tab, ...addressBar("", "#token=abc"), ...gateway() });
  expect([tab.token, tab.user]).toEqual(["abc", null]);
});
