"""The page in a real browser: sign in, ask, ask again, and see where the answer came from."""

import asyncio
import os
import re
import shutil
import time

import aiohttp
import pytest
from playwright.async_api import async_playwright, expect
from support.machine import missing
from support.rig import PERGUNTA, QUESTION, TODAY, settings, token
from support.servers import free_port

from cachekit.amadeus.client import AmadeusSettings
from cachekit.socket_auth import SocketAuthRepository
from chatbot.app import serve
from chatbot.auth import LEEWAY
from chatbot.models.offline import OfflineModel
from chatbot.models.protocol import TextDelta
from chatbot.page import DIST

PATIENCE = 20_000
"""Milliseconds that a page has, on a machine that does other things as well."""

expect.set_options(timeout=PATIENCE)

ARGUMENTS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    *(["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),
]


@pytest.fixture
async def browser():
    """A headless Chromium of the machine's own; Playwright's download is not needed."""
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next((found for found in map(shutil.which, names) if found), None)
    if path is None:
        missing("Chromium")
    if not (DIST / "index.html").exists():
        missing("built page (make page)")
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield launched
        await launched.close()


HALF = re.compile(r"I found \d+ offers from São Paulo to Lisbon on\s*$")
"""What stands there of the answer to QUESTION while `halfway` holds it."""


@pytest.fixture
def halfway(monkeypatch):
    """Answers stop in the middle of a sentence, after their search, until this event is set."""
    gate, stream = asyncio.Event(), OfflineModel.stream

    async def held(model, request):
        text = ""
        async for event in stream(model, request):
            yield event
            text += event.text if isinstance(event, TextDelta) else ""
            if HALF.search(text):
                await gate.wait()

    monkeypatch.setattr(OfflineModel, "stream", held)
    return gate


@pytest.fixture
async def admin(rig):
    """Asks the gateway for what only admins may: a path under `/admin`, and what to send."""
    headers = {"Authorization": f"Bearer {token('root', roles=['admin'])}"}
    async with aiohttp.ClientSession(headers=headers) as http:

        async def post(path, **body):
            async with http.post(f"{rig.url}/admin/{path}", json=body) as reply:
                assert reply.status == 202, await reply.text()

        yield post


@pytest.fixture
async def page(browser):
    """A tab that fails the test if a script of the page fails."""
    context = await browser.new_context(locale="en-GB")
    tab = await context.new_page()
    faults = []
    tab.on("pageerror", lambda fault: faults.append(fault))  # noqa: PLW0108 - it must be a function of ours
    tab.set_default_timeout(PATIENCE)
    yield tab
    await context.close()
    assert faults == []


async def ask(page, question):
    await page.get_by_test_id("composer").fill(question)
    await page.get_by_test_id("composer").press("Enter")


def answer(page, number):
    return page.get_by_test_id("message-assistant").nth(number)


def prose(page, number=0):
    """The text of an answer, without its tool calls and offers; the last piece of it."""
    return answer(page, number).locator(".prose").last


async def expect_whole(page):
    """One question, and one answer to it that is the same after a reload, when it comes from the history."""
    await expect(page.get_by_test_id("stop")).to_have_count(0)
    await expect(prose(page)).to_contain_text("They must be checked again before they are final.")
    shown = await what_stands_there(page)
    await page.reload()
    assert await what_stands_there(page) == shown


async def what_stands_there(page):
    """The only answer's text, to the only question; it has one tool call."""
    await expect(page.get_by_test_id("message-user")).to_have_count(1)
    await expect(page.get_by_test_id("message-assistant")).to_have_count(1)
    await expect(answer(page, 0).get_by_test_id("tool-call")).to_have_count(1)
    return " ".join(" ".join(await answer(page, 0).locator(".prose").all_inner_texts()).split())


async def test_asking_twice_shows_live_and_then_the_cache(page, rig):
    """The first answer is live, the second from the cache with its age; the API was asked once."""
    await page.goto(f"{rig.url}/?demo=ana")
    await expect(page.get_by_test_id("model-note")).to_contain_text("not Claude")
    await ask(page, QUESTION)
    badge = answer(page, 0).get_by_test_id("source-badge")
    await expect(badge).to_have_attribute("data-source", "live")
    cards = answer(page, 0).get_by_test_id("offer-card")
    await expect(cards.first).to_contain_text("LIS")
    await expect(page.get_by_test_id("stop")).to_have_count(0)
    await ask(page, QUESTION)
    badge = answer(page, 1).get_by_test_id("source-badge")
    await expect(badge).to_have_attribute("data-source", "cache")
    await expect(badge).to_contain_text(re.compile(r"from cache, \d+ s old"))
    assert await badge.get_attribute("data-age") is not None
    assert rig.searches == 1


async def test_a_question_asked_before_the_connection_stands_is_not_lost(page, rig, monkeypatch):
    """Enter while the page still connects: the question goes out as soon as it can."""
    gate, register = asyncio.Event(), SocketAuthRepository.set_socket_auth

    async def slowly(repository, *arguments):
        await gate.wait()
        return await register(repository, *arguments)

    monkeypatch.setattr(SocketAuthRepository, "set_socket_auth", slowly)
    await page.goto(f"{rig.url}/?demo=ana")
    await ask(page, QUESTION)
    await expect(page.get_by_test_id("connection-state")).to_have_attribute("data-state", "connecting")
    await expect(page.get_by_test_id("message-user")).to_have_count(0)
    gate.set()
    await expect(answer(page, 0).get_by_test_id("source-badge")).to_have_attribute("data-source", "live")
    await expect(page.get_by_test_id("composer")).to_have_value("")


async def test_a_reload_brings_the_chat_back(page, rig):
    """The session is found again, offers included."""
    await page.goto(f"{rig.url}/?demo=ana")
    await ask(page, QUESTION)
    await expect(answer(page, 0).get_by_test_id("source-badge")).to_be_visible()
    await expect(page.get_by_test_id("stop")).to_have_count(0)
    await page.reload()
    await expect(page.get_by_test_id("message-user")).to_contain_text(QUESTION)
    await expect(answer(page, 0).get_by_test_id("offer-card").first).to_be_visible()


async def test_signing_in_by_name(page, rig):
    """Without a link one types a name; the socket is registered under it, and leaves with the tab."""
    await page.goto(rig.url)
    await page.get_by_test_id("login-name").fill("bob")
    await page.get_by_test_id("login-submit").click()
    await expect(page.get_by_test_id("connection-state")).to_have_attribute("data-state", "online")
    assert len(await rig.keys("socket_auth:*")) == 1
    await page.goto("about:blank")
    await rig.until_no_socket()


async def test_a_token_that_does_not_hold_leads_back_to_the_login(page, rig):
    """The page says what is wrong, and leaves no key behind."""
    await page.goto(f"{rig.url}/#token=nonsense")
    await expect(page.get_by_test_id("login-submit")).to_be_visible()
    assert "nonsense" not in page.url
    assert await rig.sockets() == []


async def test_two_people_share_the_cache_but_not_the_chat(browser, page, rig):
    """Bob sees an answer from the cache, and nothing of what Ana said."""
    await page.goto(f"{rig.url}/?demo=ana")
    await ask(page, QUESTION)
    await expect(answer(page, 0).get_by_test_id("source-badge")).to_have_attribute("data-source", "live")
    context = await browser.new_context(locale="pt-BR")
    bobs = await context.new_page()
    await bobs.goto(f"{rig.url}/?demo=bob")
    await expect(bobs.get_by_test_id("message-user")).to_have_count(0)
    await ask(bobs, PERGUNTA)
    await expect(answer(bobs, 0).get_by_test_id("source-badge")).to_have_attribute("data-source", "cache")
    await context.close()
    assert rig.searches == 1


async def test_a_reload_in_the_middle_of_an_answer_goes_on_where_it_was(page, rig, halfway):
    """What was written is there at once, tool call and offers included; the rest comes as it is written."""
    await page.goto(f"{rig.url}/?demo=ana")
    await ask(page, QUESTION)
    await expect(prose(page)).to_have_text(HALF)
    await page.reload()
    await expect(prose(page)).to_have_text(HALF)
    await expect(page.get_by_test_id("message-user")).to_have_count(1)
    await expect(answer(page, 0).get_by_test_id("tool-call")).to_have_attribute("data-state", "done")
    await expect(answer(page, 0).get_by_test_id("offer-card").first).to_be_visible()
    await expect(page.get_by_test_id("stop")).to_be_visible()
    halfway.set()
    await expect_whole(page)
    assert rig.searches == 1


async def test_a_second_tab_sees_question_and_answer(page, rig, halfway):
    """At once, while the first still reads; and either may stop it."""
    await page.goto(f"{rig.url}/?demo=ana")
    await expect(page.get_by_test_id("connection-state")).to_have_attribute("data-state", "online")
    memory = await page.evaluate("() => ({...sessionStorage})")
    tab = await page.context.new_page()
    await tab.add_init_script(f"Object.assign(sessionStorage, {memory})")
    await tab.goto(rig.url)
    await expect(tab.get_by_test_id("connection-state")).to_have_attribute("data-state", "online")
    await ask(page, QUESTION)
    await expect(tab.get_by_test_id("message-user")).to_contain_text(QUESTION)
    await expect(prose(tab)).to_have_text(HALF)
    await tab.get_by_test_id("stop").click()
    for each in (page, tab):
        await expect(answer(each, 0)).to_contain_text("You stopped this answer.")
        await expect(prose(each)).to_have_text(HALF)
    await tab.reload()
    await expect(answer(tab, 0)).to_contain_text("You stopped this answer.")
    await expect(answer(tab, 0).get_by_test_id("tool-call")).to_have_attribute("data-state", "done")


async def test_a_gateway_restarted_in_the_middle_of_an_answer(page, rig, redis_url, places, halfway):
    """The page keeps what it has in sight, comes back by itself, and ends with the whole answer, once."""
    flights = AmadeusSettings(
        base_url=rig.sandbox.url, client_id=rig.sandbox.client_id, client_secret=rig.sandbox.client_secret
    )
    changes = settings(redis_url, demo=True, amadeus=flights, port=free_port(), drain=0.1)
    async with serve(changes, today=lambda: TODAY, places=places) as url:
        await page.goto(f"{url}/?demo=ana")
        await ask(page, QUESTION)
        await expect(prose(page)).to_have_text(HALF)
    await expect(page.get_by_test_id("connection-state")).to_have_attribute("data-state", "retrying")
    await expect(prose(page)).to_have_text(HALF)
    halfway.set()
    async with serve(changes, today=lambda: TODAY, places=places):
        await expect(page.get_by_test_id("connection-state")).to_have_attribute("data-state", "online")
        await expect_whole(page)
        await page.goto("about:blank")


async def test_a_revoked_user_lands_on_the_login_with_the_reason(page, rig, admin):
    """Though a demo would sign them in again by itself: whoever was sent away decides to come back."""
    await page.goto(f"{rig.url}/?demo=ana")
    await expect(page.get_by_test_id("connection-state")).to_have_attribute("data-state", "online")
    await admin("revocations", userId="ana")
    await expect(page.get_by_test_id("error-note")).to_contain_text("Your sign-in was ended from elsewhere.")
    await expect(page.get_by_test_id("login-submit")).to_be_visible()
    await rig.until_no_socket()


def ending_in(seconds):
    """A token of Ana's that ends so soon."""
    return token("ana", exp=int(time.time()) + seconds)


async def test_a_sign_in_that_is_about_to_end_is_told(page, rig):
    """Only the reader can sign in again, so there is a notice with the time, which can be closed."""
    await page.goto(f"{rig.url}/#token={ending_in(50)}")
    notice = page.get_by_test_id("bulletin")
    await expect(notice).to_contain_text(re.compile(r"Your sign-in ends at \d\d:\d\d\."))
    await notice.get_by_test_id("bulletin-close").click()
    await expect(notice).to_have_count(0)
    await expect(page.get_by_test_id("connection-state")).to_have_attribute("data-state", "online")


async def test_a_demo_user_s_sign_in_is_renewed_on_the_same_socket(page, rig):
    """Before it ends, without a word, and the tab keeps the newer token."""
    memory = {"chat.token": ending_in(50), "chat.user": "ana"}
    await page.add_init_script(f"if (!sessionStorage.length) Object.assign(sessionStorage, {memory})")
    async with page.expect_response("**/demo/login"):
        await page.goto(rig.url)
    await page.wait_for_function("token => sessionStorage['chat.token'] !== token", arg=memory["chat.token"])
    await ask(page, "hello")
    await expect(prose(page)).to_contain_text("offline demo")
    await expect(page.get_by_test_id("bulletin")).to_have_count(0)
    assert len(await rig.keys("socket_auth:*")) == 1


async def test_a_sign_in_that_has_ended_leads_back_to_the_login(page, rig):
    """With the reason, and to the same conversation afterwards."""
    await page.goto(f"{rig.url}/?demo=ana")
    await ask(page, "hello")
    await expect(page.get_by_test_id("copy")).to_be_visible()
    await page.goto("about:blank")
    await page.goto(f"{rig.url}/#token={ending_in(3 - LEEWAY)}")
    await expect(page.get_by_test_id("error-note")).to_contain_text("Your sign-in has expired.")
    await page.get_by_test_id("login-name").fill("ana")
    await page.get_by_test_id("login-submit").click()
    await expect(page.get_by_test_id("message-user")).to_contain_text("hello")


async def test_notices_are_shown_until_they_are_closed(page, rig, admin):
    """To everybody and to one; and why a connection was ended, after which the page comes back."""
    await page.goto(f"{rig.url}/?demo=ana")
    await expect(page.get_by_test_id("connection-state")).to_have_attribute("data-state", "online")
    await admin("notices", text="Back at <b>noon</b>.", level="warning")
    await admin("users/ana/messages", text="Hello, Ana.")
    await admin("users/bob/messages", text="Hello, Bob.")
    await admin("users/ana/disconnect", reason="House-keeping.")
    shown = page.get_by_test_id("bulletin")
    await expect(shown).to_have_text(
        [
            "The service ended this connection: House-keeping.",
            "Message for you: Hello, Ana.",
            "Back at <b>noon</b>.",
        ]
    )
    await expect(page.get_by_test_id("connection-state")).to_have_attribute("data-state", "online")
    await shown.first.get_by_test_id("bulletin-close").click()
    await expect(shown).to_have_count(2)
    await expect(page.get_by_test_id("composer")).to_be_focused()
