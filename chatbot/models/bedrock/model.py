"""Claude behind Bedrock's Converse API, as a `ChatModel`."""

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, Final, Self

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from chatbot.errors import ModelError, SettingsError
from chatbot.models.bedrock.failures import BUSY, MISCONFIGURED, REJECTED, cause, failure
from chatbot.models.bedrock.line import use_lines
from chatbot.models.bedrock.request import converse
from chatbot.models.bedrock.threads import CallThreads
from chatbot.models.bedrock.turn import Turn
from chatbot.models.protocol import (
    ModelEvent,
    ModelMessage,
    ModelRequest,
    TextBlock,
    TextDelta,
    ToolSpec,
)

logger = logging.getLogger(__name__)

FIRST_DELAY: Final = 0.5
"""Seconds before the first repetition, at most; it doubles with each, and chance takes a part of it away."""
MOST_DELAY: Final = 8.0

_PROBE: Final = ModelRequest(
    [ModelMessage("user", (TextBlock("Say yes."),))],
    tools=[ToolSpec("nothing", "Does nothing.", {"type": "object", "properties": {}})],
    system="You are being tested.",
    max_tokens=1,
)


class BedrockModel:
    """A `ChatModel`: each turn is one `converse_stream`, read on a thread of this model's own.

    An async context manager; leaving it ends what is being streamed. Credentials come from where boto3
    looks for them (environment, profile, role), and are renewed by it.

    Args:
        model_id: an inference profile's id or ARN, or a model's.
        region: the AWS region to call; None: the one boto3 finds (AWS_DEFAULT_REGION, profile).
        endpoint_url: another address of the service, such as a VPC endpoint; None: the region's own.
        threads: streams at once; a turn that finds all taken waits for up to `max_wait` seconds.
        connect_timeout: seconds to wait for a connection.
        read_timeout: seconds to wait for the first event, and between two events.
        attempts: how often a turn is tried, as long as nothing of it has come, if it may succeed in a
            moment: throttled, no connection, a fault of the service's.
        cache_points: whether to mark the system prompt and the tools to be kept prepared; some models
            refuse the marks.
        sleep: waits that many seconds; replaced in tests.

    Raises:
        SettingsError: there can be no client with these options.
    """

    def __init__(
        self,
        model_id: str,
        *,
        region: str | None = None,
        endpoint_url: str | None = None,
        threads: int = 128,
        max_wait: float = 10.0,
        connect_timeout: float = 5.0,
        read_timeout: float = 60.0,
        attempts: int = 4,
        cache_points: bool = True,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        if threads < 1 or attempts < 1:
            raise SettingsError(f"threads={threads}, attempts={attempts}: each is 1 or more")
        config = Config(
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
            max_pool_connections=threads,
            # Repeating is ours: while it waits, no thread is taken, and it can be cancelled.
            retries={"total_max_attempts": 1, "mode": "standard"},
            tcp_keepalive=True,
        )
        try:
            session = boto3.session.Session()
            self._client: Any = session.client(
                "bedrock-runtime", region_name=region, endpoint_url=endpoint_url, config=config
            )
        except (BotoCoreError, ValueError) as error:
            raise SettingsError(f"no client for Bedrock can be made (region {region!r}): {error}") from error
        use_lines(self._client)
        self._model_id = model_id
        self._region = self._client.meta.region_name
        self._threads = CallThreads(self._client, size=threads, max_wait=max_wait)
        self._attempts = attempts
        self._cache_points = cache_points
        self._sleep = sleep

    @property
    def name(self) -> str:
        """The model id."""
        return self._model_id

    @property
    def offline(self) -> bool:
        """False: this is a language model."""
        return False

    @property
    def busy(self) -> int:
        """Threads in use."""
        return self._threads.busy

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End what is being streamed, its readers get a ModelError; wait for the threads, at most 10 s."""
        await self._threads.aclose()
        self._client.close()

    async def probe(self) -> None:
        """Ask the model for one token, with all that a real request has, to find mistakes before users do.

        A model that is too busy to answer is there, and ours to use.

        Raises:
            SettingsError: AWS refuses the model id, the credentials or the request; the text says why.
            ModelError: there is no telling: Bedrock is out of reach.
        """
        try:
            await self._ask_for_a_token(cache_points=self._cache_points)
        except ModelError as error:
            if error.code == BUSY.code:
                logger.warning("the model %s is busy, so its probe proves little", self._model_id)
            elif error.code in {MISCONFIGURED.code, REJECTED.code}:
                raise SettingsError(await self._refusal(error)) from error
            else:
                raise

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        """Answer the last message of the request.

        Raises:
            ModelError: `code` is one of those that `failures.Failure` names.
        """
        arguments = converse(self._model_id, request, cache_points=self._cache_points)
        async with aclosing(self._stream(arguments)) as events:
            async for event in events:
                yield event

    async def _stream(self, arguments: dict[str, Any]) -> AsyncGenerator[ModelEvent, None]:
        for attempt in range(1, self._attempts + 1):
            turn = Turn()
            try:
                async with aclosing(self._threads.events(arguments)) as events:
                    async for event in events:
                        text = turn.read(event)
                        if text:
                            yield TextDelta(text)
            except ModelError:
                raise
            except Exception as error:  # noqa: BLE001 - sorted out by what it is
                failed = failure(error)
                if turn.begun or not failed.retry or attempt == self._attempts:
                    raise failed.error() from cause(error)
            else:
                for last in turn.end():
                    yield last
                return
            delay = min(MOST_DELAY, FIRST_DELAY * 2 ** (attempt - 1))
            await self._sleep(delay * random.random())  # noqa: S311 - spreads callers, guards nothing

    async def _ask_for_a_token(self, *, cache_points: bool) -> None:
        arguments = converse(self._model_id, _PROBE, cache_points=cache_points)
        async with aclosing(self._stream(arguments)) as events:
            async for _ in events:
                pass

    async def _refusal(self, error: ModelError) -> str:
        """Why AWS refused the probe, in its own words; and whether the cache points alone are to blame."""
        said = f"Bedrock in {self._region} refuses the model {self._model_id!r}: {error.__cause__}"
        if self._cache_points:
            try:
                await self._ask_for_a_token(cache_points=False)
            except ModelError:
                return said
            return f"{said}. It answers without cache points: turn them off."
        return said
