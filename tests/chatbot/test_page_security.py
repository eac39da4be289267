"""What the page may do, and what answers say of the server."""

import html
import re
import shutil

import aiohttp
import pytest
from playwright.async_api import async_playwright, expect
from support.machine import missing

from chatbot.page import DIST


@pytest.fixture
async def page():
    """A tab of the machine's own Chromium."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        missing("Chromium")
    if not (DIST / "index.html").exists():
        missing("built page (make page)")
    async with async_playwright() as playwright:
        # Everything it opens is on the loopback; in a container there is no sandbox to be had.
        browser = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield await browser.new_page()
        await browser.close()


async def test_the_page_runs_under_its_policy_and_nothing_else_does(page, rig):
    """It signs in and connects without a complaint; a script or a style put into it does nothing."""
    complaints = []
    page.on("console", lambda said: complaints.append(said.text) if "Content Security" in said.text else None)
    reply = await page.goto(f"{rig.url}/?demo=ana")
    await expect(page.get_by_test_id("model-note")).to_contain_text("not Claude")
    assert complaints == []
    assert "frame-ancestors 'none'" in reply.headers["content-security-policy"]
    hacked = await page.evaluate(
        """() => {
            const script = document.createElement('script')
            script.textContent = 'window.hacked = true'
            document.body.append(script)
            const image = document.createElement('img')
            image.setAttribute('onerror', 'window.hacked = true')
            image.src = '/assets/none.svg'
            document.body.append(image)
            return new Promise(told => image.addEventListener('error', () => told(window.hacked)))
        }"""
    )
    assert hacked is None
    assert complaints


async def test_the_header_is_no_weaker_than_what_the_page_itself_says(rig):
    """Both hold, but whoever reads one of them should read the truth."""
    async with aiohttp.ClientSession() as http, http.get(rig.url) as reply:
        policy, text = reply.headers["Content-Security-Policy"], await reply.text()
    own = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert own is not None
    assert policy == f"{html.unescape(own[1])}; frame-ancestors 'none'"


@pytest.mark.parametrize("path", ["/", "/health/live", "/nowhere", "/admin/stats", "/socket.io/?EIO=4"])
async def test_no_answer_tells_what_serves(rig, path):
    """The versions of Python and of libraries are of use to attackers only."""
    async with aiohttp.ClientSession() as http, http.get(rig.url + path) as reply:
        assert "Server" not in reply.headers
