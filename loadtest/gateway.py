"""The real gateway in one process, without limits and with one more event: `echo`, which touches nothing."""

import asyncio
import gc
import os
from typing import Any, Final
from urllib.parse import urlsplit

import uvloop
from aiohttp import web

import chatbot.app
from cachekit.amadeus.client import AmadeusSettings
from chatbot.__main__ import GC_THRESHOLDS
from chatbot.gateway import Gateway
from chatbot.gateway.audience import Connected
from chatbot.settings import AuthSettings, LimitSettings, Settings
from loadtest.lines import announce, until_told_to_end

UNLIMITED: Final = LimitSettings(address_connects=0, address_requests=0, user_connects=0, user_messages=0)
NOWHERE: Final = AmadeusSettings(base_url="http://127.0.0.1:1", client_id="none", client_secret="none")  # noqa: S106


class EchoGateway(Gateway):
    """The gateway with an event that costs what any event costs, and nothing else."""

    def attach(self, application: web.Application) -> None:
        """Serve, the echo included."""
        self._server.on("echo", self._requests.answered_by("echo", _echo))
        super().attach(application)


async def _echo(_connected: Connected, payload: Any) -> dict[str, Any]:
    return {"echo": payload}


async def main() -> None:
    """Serve until SIGTERM. LOADTEST_FLIGHTS is the flight API's `url,client id,client secret`, if any."""
    flights = NOWHERE
    if given := os.environ.get("LOADTEST_FLIGHTS"):
        url, client_id, client_secret = given.split(",")
        flights = AmadeusSettings(base_url=url, client_id=client_id, client_secret=client_secret)
    settings = Settings(
        port=0,
        demo=True,
        drain=0,
        redis_url=f"unix://{os.environ['LOADTEST_REDIS']}",
        auth=AuthSettings(secret=os.environ["LOADTEST_SECRET"]),
        limits=UNLIMITED,
        amadeus=flights,
        pace=float(os.environ.get("LOADTEST_PACE", "0.03")),
    )
    # The composition root makes its gateway by this name.
    chatbot.app.Gateway = EchoGateway  # type: ignore[attr-defined]
    async with chatbot.app.serve(settings) as url:
        # As the gateway's own command does.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        announce(urlsplit(url).port or 0)
        await until_told_to_end()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
