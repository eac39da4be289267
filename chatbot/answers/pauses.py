"""How long to wait before something that Redis was missing for is tried again."""

import asyncio
import random
from typing import Final

LEAST_PAUSE: Final = 0.1
_MOST_PAUSE: Final = 1.0


async def rest(pause: float) -> float:
    """Wait for about so many seconds, not all answers equally long; how long to wait the next time."""
    await asyncio.sleep(pause * (0.5 + random.random()))  # noqa: S311 - spreads what is tried again
    return min(pause * 2, _MOST_PAUSE)
