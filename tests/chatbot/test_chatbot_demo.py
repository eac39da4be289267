"""The demo on poorer machines, and how it refuses to start."""

import asyncio
import logging
import socket
import sys

import aiohttp
from support.rig import QUESTION, TODAY, chatting

import chatbot.demo
from chatbot.demo import demo


async def test_without_any_redis_server_it_runs_on_fakeredis_and_says_so(monkeypatch, caplog):
    """No binary on the PATH and none in a wheel: the log is plain about it, and the chat works."""
    monkeypatch.setattr(chatbot.demo, "find_server", lambda: None)
    with caplog.at_level(logging.WARNING):
        async with demo(port=0, latency_ms=0, pace=0, today=lambda: TODAY) as running:
            assert "fakeredis" in running.redis
            login = await sign_in(running.url)
            async with chatting(running.url, {"token": login}) as ana:
                await ana.start()
                await ana.ask(QUESTION)
                await ana.ask(QUESTION)
            assert ana.of("chat:offers")[0]["source"] == "cache"
    assert "not a real Redis" in caplog.text


async def sign_in(url):
    async with aiohttp.ClientSession() as http, http.post(f"{url}/demo/login", json={"user": "ana"}) as reply:
        return (await reply.json())["token"]


async def test_a_port_in_use_is_said_in_one_line(root):
    """No traceback for an everyday mistake; whatever was started has ended."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "chatbot", "demo", "--port", str(taken.getsockname()[1])),
            cwd=root,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        _, complaint = await process.communicate()
    assert process.returncode == 1
    assert b"Traceback" not in complaint
    assert b"cannot start" in complaint
    assert b"in use" in complaint


async def test_a_gateway_without_its_extras_names_them(root):
    """A core installation has the package chatbot, and not what it stands on."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "import sys; sys.modules['aiohttp'] = None; import chatbot.__main__"),
        cwd=root,
        stderr=asyncio.subprocess.PIPE,
    )
    _, complaint = await process.communicate()
    assert process.returncode == 1
    assert b"cachekit-toolkit[chatbot,sandbox]" in complaint
    assert b"Traceback" not in complaint


async def test_a_gateway_without_settings_names_them(root):
    """`python -m chatbot` in an empty environment tells what it needs."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "chatbot"),
        cwd=root,
        env={},
        stderr=asyncio.subprocess.PIPE,
    )
    _, complaint = await process.communicate()
    assert process.returncode == 1
    assert b"CHATBOT_JWT_SECRET" in complaint
    assert b"Traceback" not in complaint
