"""Two instances on one Redis, and a session in it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any, Protocol

import pytest
from answering_rig import Instance, instance


class Starter(Protocol):
    """Starts an instance whose model plays the turns."""

    async def __call__(self, name: str, *turns: list[Any], **options: Any) -> Instance: ...


@pytest.fixture
async def start(redis_url: str) -> AsyncIterator[Starter]:
    async with AsyncExitStack() as stack:

        async def begin(name: str, *turns: list[Any], **options: Any) -> Instance:
            url = options.pop("url", redis_url)
            return await stack.enter_async_context(instance(url, name, *turns, **options))

        yield begin
