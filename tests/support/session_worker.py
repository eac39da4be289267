"""An instance that takes questions and answers them, and archives what was said: a process to be killed.

Run as `python -m support.session_worker REDIS_URL TABLE DYNAMODB_URL`. It prints its port. One JSON line a
request, `{session, number}`, and one a reply: `{"asked": state}` as soon as the question is kept, then
`{"answered": bool}`.
"""

import asyncio
import json
import secrets
import sys

import cachekit
from cachekit.errors import CacheUnavailable
from chatbot.archive import Archiver, DynamoTable, SessionArchive
from chatbot.errors import ChatbotError
from chatbot.sessions import SessionRepository
from support.chat import answer, ask

CLAIM_AFTER = 1.0
"""Seconds after which another worker takes what a killed one held."""

LEASE = 0.3


async def main(redis_url: str, table_name: str, dynamodb_url: str) -> None:
    """Serve until killed."""
    instance = secrets.token_hex(6)
    async with (
        cachekit.connect(redis_url) as cache,
        DynamoTable(table_name, endpoint_url=dynamodb_url, read_timeout=1) as table,
        Archiver(cache, table, consumer=instance, claim_after=CLAIM_AFTER, poll=0.02),
    ):
        sessions = SessionRepository(cache, lease=LEASE, archive=SessionArchive(table, cache.clock))

        async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            request = json.loads(await reader.readline())
            session_id, number = request["session"], request["number"]

            def say(**reply: object) -> None:
                writer.write(json.dumps(reply).encode() + b"\n")

            try:
                taken = await ask(sessions, session_id, number, writer=instance)
                say(asked=taken.state)
                if taken.state in ("new", "lapsed"):
                    say(answered=await answer(sessions, session_id, number, writer=instance))
                else:
                    say(answered=taken.state == "answered")
            except (CacheUnavailable, ChatbotError) as error:
                say(error=str(error))
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(exchange, "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
