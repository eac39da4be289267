"""A local server that speaks the wire of Amadeus' flight APIs, with made-up offers that look real.

Needs the extra `sandbox`. Run `python -m cachekit.amadeus.sandbox`, or in a test:

    async with SandboxServer(seed=1) as server, AmadeusClient(
        server.url, server.client_id, server.client_secret
    ) as client:
        reply = await client.search(FlightSearch(...))

Reading order: `inventory` (the world of flights and prices), `issues` (what is wrong, on the wire),
`requests` (reading them strictly); presented, repricing (offers priced again), airlines; tokens, limits,
latency, faults, state (what is remembered); replies, links, extras, shopping, reference, oauth (the answers);
breakage, replay, gate (what stands before them); admin (the knobs); server.
"""

from cachekit.extras import missing_extra

try:
    from cachekit.amadeus.sandbox.faults import Fault
    from cachekit.amadeus.sandbox.inventory.offers import find_offers
    from cachekit.amadeus.sandbox.latency import Latency
    from cachekit.amadeus.sandbox.limits import Limits
    from cachekit.amadeus.sandbox.replay import Recorded, Replay
    from cachekit.amadeus.sandbox.server import DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, SandboxServer
    from cachekit.amadeus.sandbox.state import SandboxState
except ModuleNotFoundError as error:
    raise missing_extra(error, part="cachekit.amadeus.sandbox", extra="sandbox") from error

__all__ = [
    "DEMO_CLIENT_ID",
    "DEMO_CLIENT_SECRET",
    "Fault",
    "Latency",
    "Limits",
    "Recorded",
    "Replay",
    "SandboxServer",
    "SandboxState",
    "find_offers",
]
