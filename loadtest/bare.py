"""The floor: a bare aiohttp websocket that speaks as much Socket.IO as the clients here need.

No token is looked at, no Redis asked: what is measured is the frames.
"""

import asyncio
import json
import re
import secrets
from typing import Final

import uvloop
from aiohttp import WSMsgType, web

from loadtest.lines import announce, until_told_to_end

EVENT: Final = re.compile(r"42(\d+)\[")
PING_EVERY: Final = 25.0


async def serve(request: web.Request) -> web.WebSocketResponse:
    """One client."""
    socket = web.WebSocketResponse(compress=False)
    await socket.prepare(request)
    opened = {"sid": secrets.token_hex(10), "upgrades": [], "pingInterval": 25_000, "pingTimeout": 20_000}
    await socket.send_str("0" + json.dumps({**opened, "maxPayload": 65_536}))
    loop = asyncio.get_running_loop()
    pings: list[asyncio.TimerHandle] = []
    pending: set[asyncio.Task[None]] = set()

    def ping() -> None:
        pings[:] = [loop.call_later(PING_EVERY, ping)]
        if not socket.closed:
            # The queue of the transport takes it; nobody waits.
            pending.add(task := loop.create_task(socket.send_str("2")))
            task.add_done_callback(pending.discard)

    pings.append(loop.call_later(PING_EVERY, ping))
    try:
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await _answer(socket, message.data)
    finally:
        pings[0].cancel()
    return socket


async def _answer(socket: web.WebSocketResponse, data: str) -> None:
    if data.startswith("40"):
        await socket.send_str("40" + json.dumps({"sid": secrets.token_hex(10)}))
    elif found := EVENT.match(data):
        _event, payload = json.loads(data[found.end() - 1 :])
        reply = {"ok": True, "sessionId": "none", "echo": payload}
        await socket.send_str(f"43{found[1]}[{json.dumps(reply)}]")


async def main() -> None:
    """Serve until SIGTERM."""
    application = web.Application()
    application.router.add_get("/socket.io/", serve)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    announce(runner.addresses[0][1])
    await until_told_to_end()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
