"""python-socketio as most people write it, with redis-py's default pool. `plain` turns deflate off."""

import asyncio
import json
import logging
import os
import sys
import uuid
from datetime import UTC, datetime
from typing import Any, Final

import jwt
import redis.asyncio
import socketio
from aiohttp import web
from engineio.async_drivers import aiohttp as driver

from loadtest.lines import announce, until_told_to_end

TTL: Final = 3600

Reply = dict[str, Any]


class _PlainWebSocket(driver.WebSocket):  # type: ignore[misc]
    """The driver's websocket, but for compression."""

    async def __call__(self, environ: dict[str, Any]) -> Any:
        self.request = environ["aiohttp.request"]
        self._sock = web.WebSocketResponse(max_msg_size=0, compress=False)
        await self._sock.prepare(self.request)
        self.environ = environ
        await self.handler(self)
        return self._sock


def _server(url: str) -> socketio.AsyncServer:
    manager = socketio.AsyncRedisManager(url)
    server = socketio.AsyncServer(async_mode="aiohttp", cors_allowed_origins="*", client_manager=manager)
    if "plain" in sys.argv:
        server.eio._async = {**server.eio._async, "websocket": _PlainWebSocket}  # noqa: SLF001
    return server


async def main() -> None:
    """Serve until SIGTERM."""
    # Its thousands of tracebacks in a storm: the clients count what they mean.
    logging.disable(logging.ERROR)
    secret = os.environ["LOADTEST_SECRET"]
    url = f"unix://{os.environ['LOADTEST_REDIS']}"
    store = redis.asyncio.Redis.from_url(url)
    server = _server(url)

    async def write(sid: str, auth: dict[str, str]) -> None:
        await store.set(f"socket_auth:{sid}", json.dumps(auth), ex=TTL)

    async def connect(sid: str, _environ: object, auth: dict[str, str] | None) -> None:
        try:
            claims = jwt.decode((auth or {}).get("token", ""), secret, algorithms=["HS256"])
        except jwt.InvalidTokenError as error:
            raise socketio.exceptions.ConnectionRefusedError("token_invalid") from error
        now = datetime.now(UTC).isoformat()
        await write(sid, {"userId": claims["sub"], "connectedAt": now, "lastActivity": now})
        await server.save_session(sid, {"user": claims["sub"], "until": claims["exp"]})

    async def disconnect(sid: str, _reason: str) -> None:
        await store.delete(f"socket_auth:{sid}")

    async def start(sid: str, _payload: object) -> Reply:
        found = await store.get(f"socket_auth:{sid}")
        if found is None:
            return {"ok": False, "error": {"code": "not_connected", "message": "Not signed in."}}
        auth, session_id = json.loads(found), str(uuid.uuid4())
        await write(sid, {**auth, "sessionId": session_id, "lastActivity": datetime.now(UTC).isoformat()})
        return {"ok": True, "sessionId": session_id}

    async def echo(sid: str, payload: object) -> Reply:
        session = await server.get_session(sid)
        if session["until"] <= datetime.now(UTC).timestamp():
            return {"ok": False, "error": {"code": "token_expired", "message": "The token has expired."}}
        return {"ok": True, "echo": payload}

    for event, handler in (
        ("connect", connect),
        ("disconnect", disconnect),
        ("chat:start", start),
        ("echo", echo),
    ):
        server.on(event, handler)
    application = web.Application()
    server.attach(application)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    announce(runner.addresses[0][1])
    await until_told_to_end()


if __name__ == "__main__":
    asyncio.run(main())
