"""An instance in a process of its own, which tests kill, stop and wake.

Run as `python answering_worker.py <redis url> <name> <lease>`. Reads one command a line, as JSON, from its
standard input; writes one line for every event a socket gets, and one for the outcome of every command.
"""

import asyncio
import json
import sys
from typing import Any

from answering_rig import END, Instance, Playing, Socket, instance

from chatbot.models.protocol import TextDelta

WORDS = 20


class Slow(Playing):
    """Says twenty words that carry its instance's name, for as long as somebody asks."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    async def stream(self, request: Any) -> Any:
        for number in range(WORDS):
            await asyncio.sleep(0.045)
            yield TextDelta(f"{self._name}:{number} ")
        yield END


class Told(Socket):
    """A socket whose events go to standard output."""

    def take(self, event: str, payload: Any) -> None:
        tell({"sid": self.sid, "event": event, "payload": dict(payload)})


def tell(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


async def obey(one: Instance, command: dict[str, Any]) -> Any:
    session_id, answer_id = command.get("session"), command.get("answer")
    match command["do"]:
        case "socket":
            one.answers.leave(command["sid"])
            one.sockets[command["sid"]] = Told(command["sid"])
            one.started[session_id].append(command["sid"])
        case "ask":
            return await one.ask(session_id, command["message"])
        case "come_back":
            return await one.answers.come_back(session_id, "ana")
        case "resume":
            return await one.resume(session_id, answer_id, command["sid"], after=command["after"])
    return None


async def main(url: str, name: str, lease: str) -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async with instance(url, name, model=Slow(name), lease=float(lease)) as one:
        tell({"ready": name})
        while line := await reader.readline():
            command = json.loads(line)
            try:
                outcome = {"is": await obey(one, command)}
            except Exception as error:  # noqa: BLE001 - told to the test
                outcome = {"error": repr(error)}
            tell({"reply": command["id"], **outcome})


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
