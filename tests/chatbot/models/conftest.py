"""Bedrock's stand-in, and what it takes to call it."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from support.bedrock import ACCESS_KEY, MODEL, REGION, SECRET_KEY, BedrockServer

from chatbot.models.bedrock import BedrockModel


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Credentials in the environment, and no other of this machine's."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    for name in ("AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_BEARER_TOKEN_BEDROCK"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.fixture
async def bedrock() -> AsyncIterator[BedrockServer]:
    async with BedrockServer() as server:
        yield server


@pytest.fixture
async def slept() -> list[float]:
    """The delays before repetitions, in seconds; none of them passes."""
    return []


@pytest.fixture
async def connect(
    aws: pytest.MonkeyPatch, bedrock: BedrockServer, slept: list[float]
) -> AsyncIterator[Callable[..., BedrockModel]]:
    """Makes models that talk to the stand-in; they are closed, and must leave no thread in a call."""

    async def sleep(delay: float) -> None:
        slept.append(delay)

    async with AsyncExitStack() as stack:
        made: list[BedrockModel] = []

        async def make(model_id: str = MODEL, **options: Any) -> BedrockModel:
            options = {"region": REGION, "endpoint_url": bedrock.url, "sleep": sleep} | options
            made.append(await stack.enter_async_context(BedrockModel(model_id, **options)))
            return made[-1]

        yield make
    assert [model.busy for model in made] == [0] * len(made)


@pytest.fixture
async def model(connect: Callable[..., Any]) -> BedrockModel:
    return await connect()
