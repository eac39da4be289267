"""What the logs of a gateway hold when everything fails: ids, never what people said or signed in with."""

import asyncio
import io
import json
import logging
import re
from urllib.parse import urlsplit

import aiohttp
import pytest
from support.rig import TODAY, chatting, settings, token

from cachekit.errors import InvalidKey
from chatbot.app import serve
from chatbot.logs import set_up_logging
from chatbot.sessions import SessionRepository

pytest_plugins = ["support.server_fixtures"]

SAID = "my-passport-is-C01X00T47"


@pytest.fixture
def logs(monkeypatch):
    """Set logging up as the gateway's command does; what was written."""
    root, stream = logging.getLogger(), io.StringIO()
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(root, "level", root.level)
    levels = {name: logging.getLogger(name).level for name in ("chatbot", "cachekit")}

    def set_up(style):
        set_up_logging(style, instance="i1", stream=stream)
        return stream

    yield set_up
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


@pytest.mark.parametrize("style", ["json", "text"])
async def test_failures_are_logged_without_what_was_said(logs, style, standalone, places, monkeypatch):
    """A broken store, bytes that are no HTTP, no Redis: whatever is logged, it is no word of Ana's."""
    stream, secret = logs(style), token("ana", jti="the-id-of-the-token")

    async def quote(self, session_id, user_id, title):
        raise ValueError(f"cannot store {title}")

    async def refuse(self, user_id):
        raise InvalidKey(f"no key: {SAID}")

    plain = settings(standalone.url)
    async with (
        serve(plain, today=lambda: TODAY, places=places) as url,
        chatting(url, {"token": secret}) as ana,
    ):
        wire = ana.client.eio.sid
        await ana.start()
        session = ana.session_id
        with monkeypatch.context() as broken:
            broken.setattr(SessionRepository, "rename", quote)
            broken.setattr(SessionRepository, "list", refuse)
            told = await ana.call("chat:rename", {"sessionId": session, "title": SAID})
            assert told["error"]["code"] == "internal"
            assert SAID not in str(told)
            assert SAID not in str(await ana.call("chat:list"))
        async with aiohttp.ClientSession() as http:
            forged = {"Authorization": f"Bearer {secret}", "Origin": f"http://{SAID}", "X": SAID}
            async with http.get(f"{url}/admin/stats?{SAID}", headers=forged) as reply:
                assert reply.status == 403
            async with http.get(f"{url}/socket.io/?EIO=4&x={SAID}", headers=forged) as reply:
                assert reply.status == 400
        reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(url).port)
        writer.write(f"{SAID} / HTTP/{SAID}\r\n\r\n".encode())
        assert b" 400 " in await reader.readline()
        writer.close()
        with standalone.dead():
            assert (await ana.send(SAID))["error"]["code"] == "unavailable"
    written = stream.getvalue()
    assert "chat:rename failed" in written
    assert "chat:message failed" in written
    for hidden in (SAID, secret, secret.partition(".")[2], "the-id-of-the-token", wire):
        assert hidden not in written
    if style == "json":
        failed = [json.loads(line) for line in written.splitlines() if "chat:message failed" in line]
        assert failed[0]["session_id"] == session
        assert re.fullmatch(r"[0-9a-f]{8}-[0-9]+", failed[0]["request_id"])
        assert failed[0]["socket_id"]


@pytest.mark.parametrize("style", ["json", "text"])
async def test_what_asyncio_says_of_a_lost_task_quotes_nobody(logs, style):
    """Its message shows the exception, and the arguments of a callback, in full."""
    stream, loop = logs(style), asyncio.get_running_loop()

    async def fail():
        raise ValueError(SAID)

    task = asyncio.create_task(fail())
    await asyncio.wait([task])
    loop.default_exception_handler(
        {"message": "Task exception was never retrieved", "task": task, "exception": task.exception()}
    )
    handle = loop.call_later(3_600, print, SAID)
    handle.cancel()
    loop.default_exception_handler({"message": f"Exception in callback print('{SAID}')", "handle": handle})
    assert "Task exception was never retrieved" in stream.getvalue()
    assert "Exception in callback print" in stream.getvalue()
    assert SAID not in stream.getvalue()
