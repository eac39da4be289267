"""A whole gateway in a process of its own, which tests kill, stop, wake and end.

Run as `python gateway_worker.py <JSON>`, see `Plan`. Prints its URL once it listens. What is changed of the
real thing is said here: the model recites, and the times after which others take a silent instance for dead
are short, so that a test does not have to wait for them.
"""

import asyncio
import functools
import sys
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import msgspec
from support.rig import settings

import chatbot.app
import chatbot.archive
import chatbot.opening
from cachekit.socket_auth import SocketAuthRepository, SocketKeeper
from chatbot.__main__ import _run, _settle, _stopped
from chatbot.answers import Answers
from chatbot.app import new_instance_id, serve
from chatbot.archive import Archiver
from chatbot.logs import set_up_logging
from chatbot.models.protocol import TextBlock, TextDelta, TurnEnd
from chatbot.places import PlaceDirectory
from chatbot.sessions import SessionRepository
from chatbot.settings import ArchiveSettings, LimitSettings

WORDS = 12
"""Pieces in which every answer is said."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a gateway shall be like; seconds."""

    redis: str
    port: int
    pace: float
    lease: float
    drain: float = 0.0
    table: str | None = None
    dynamo: str | None = None


def recited(question: str) -> list[str]:
    """The pieces of the answer to a question: the same whoever answers."""
    return [f"{question}/{number} " for number in range(WORDS)]


class Reciting:
    """A model that says the question again and again, slowly."""

    name, offline = "reciting", True

    def __init__(self, *_: Any, pace: float, **__: Any) -> None:
        self._pace = pace

    async def stream(self, request: Any) -> Any:
        # An earlier question without an answer stands in the same message.
        *_, question = (each.text for each in request.messages[-1].content if isinstance(each, TextBlock))
        for piece in recited(question):
            await asyncio.sleep(self._pace)
            yield TextDelta(piece)
        yield TurnEnd("end_turn", input_tokens=10, output_tokens=WORDS)


class Nowhere(PlaceDirectory):
    """No places: nobody asks for any, and the index takes a second of a core."""

    def load(self) -> None:
        pass


def quickened(lease: float) -> list[Any]:
    """The patches by which a silent instance is missed soon."""
    partial = functools.partial
    parts = {
        "Answers": partial(Answers, lease=lease, check_every=lease / 4),
        "SessionRepository": partial(SessionRepository, lease=lease),
        "SocketAuthRepository": partial(SocketAuthRepository, heartbeat=2 * lease),
        "SocketKeeper": partial(SocketKeeper, beat_every=lease / 2, touch_every=lease, reap_every=lease),
    }
    patches = [patch.object(chatbot.app, name, part) for name, part in parts.items()]
    archiver = partial(Archiver, claim_after=2 * lease, poll=0.1)
    patches.append(patch.object(chatbot.opening, "OfflineModel", Reciting))
    return [*patches, patch.object(chatbot.archive, "Archiver", archiver)]


async def main(plan: Plan) -> None:
    archive = (
        ArchiveSettings(table=plan.table, region="eu-west-1", endpoint=plan.dynamo) if plan.table else None
    )
    whole = settings(
        plan.redis,
        port=plan.port,
        pace=plan.pace,
        drain=plan.drain,
        archive=archive,
        limits=LimitSettings(address_connects=0, address_requests=0, user_connects=0, user_messages=0),
    )
    instance = new_instance_id()
    set_up_logging("text", instance=instance)
    async with serve(whole, instance=instance, places=Nowhere()) as url:
        _settle()
        print(url, flush=True)  # noqa: T201
        await _stopped()


if __name__ == "__main__":
    wanted = msgspec.json.decode(sys.argv[1], type=Plan)
    for each in quickened(wanted.lease):
        each.start()
    _run(main(wanted))
