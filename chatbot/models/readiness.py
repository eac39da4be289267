"""Whether the model can be used: looked at before users are let in, and again until it can."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, Self

from chatbot.errors import ModelError, SettingsError

logger = logging.getLogger(__name__)

_AGAIN: Final = 10.0


class Readiness:
    """Probes a model once; while there is no telling, every `again` seconds, beside everything else.

    An async context manager. Entering it raises SettingsError if the model will never do as it is set up.
    `probe` is `BedrockModel.probe` or the like.
    """

    def __init__(self, probe: Callable[[], Awaitable[None]], *, again: float = _AGAIN) -> None:
        self._probe = probe
        self._again = again
        self._task: asyncio.Task[None] | None = None
        self.ready = False
        """Whether the model has answered, or is there and only busy."""

    async def __aenter__(self) -> Self:
        if not await self._succeeds():
            self._task = asyncio.create_task(self._insist(), name="model probe")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _insist(self) -> None:
        while not self.ready:
            await asyncio.sleep(self._again)
            try:
                await self._succeeds()
            except SettingsError as error:
                # Rights may still be given; until then nobody is sent here.
                logger.error("the model will not do as it is set up: %s", error)  # noqa: TRY400 - no defect

    async def _succeeds(self) -> bool:
        try:
            await self._probe()
        except ModelError as error:
            logger.warning("the model cannot be reached yet: %s", error)
        else:
            self.ready = True
        return self.ready
