"""The page in a real browser: sign in, ask, ask again, and see where the answer came from."""

import asyncio
import os
import re
import shutil

import pytest
from playwright.async_api import async_playwright, expect
from support.machine import missing
from support.rig import QUESTION

from cachekit.socket_auth import SocketAuthRepository
from chatbot.page import DIST

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


@pytest.fixture
async def page(browser):
    """A tab that fails the test if a script of the page fails."""
    context = await browser.new_context(locale="en-GB")
    tab = await context.new_page()
    faults = []
    tab.on("pageerror", lambda fault: faults.append(fault))  # noqa: PLW0108 - it must be a function of ours
    tab.set_default_timeout(20_000)
    yield tab
    await context.close()
    assert faults == []


async def ask(page, question):
    await page.get_by_test_id("composer").fill(question)
    await page.get_by_test_id("composer").press("Enter")


def answer(page, number):
    return page.get_by_test_id("message-assistant").nth(number)


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
    await rig.until_no_key("socket_auth*")


async def test_a_token_that_does_not_hold_leads_back_to_the_login(page, rig):
    """The page says what is wrong, and leaves no key behind."""
    await page.goto(f"{rig.url}/#token=nonsense")
    await expect(page.get_by_test_id("login-submit")).to_be_visible()
    assert "nonsense" not in page.url
    assert await rig.keys() == []


async def test_two_people_share_the_cache_but_not_the_chat(browser, page, rig):
    """Bob sees an answer from the cache, and nothing of what Ana said."""
    await page.goto(f"{rig.url}/?demo=ana")
    await ask(page, QUESTION)
    await expect(answer(page, 0).get_by_test_id("source-badge")).to_have_attribute("data-source", "live")
    context = await browser.new_context(locale="pt-BR")
    bobs = await context.new_page()
    await bobs.goto(f"{rig.url}/?demo=bob")
    await expect(bobs.get_by_test_id("message-user")).to_have_count(0)
    await ask(bobs, "voos de São Paulo para Lisboa em 12 de dezembro")
    await expect(answer(bobs, 0).get_by_test_id("source-badge")).to_have_attribute("data-source", "cache")
    await context.close()
    assert rig.searches == 1
