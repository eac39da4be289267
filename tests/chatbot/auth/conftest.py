"""An identity provider beside the tests."""

from collections.abc import AsyncIterator

import pytest
from support.issuer import Issuer, running_issuer


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    async with running_issuer() as running:
        yield running
