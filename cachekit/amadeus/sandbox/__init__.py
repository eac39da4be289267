"""A local server that speaks the wire of Amadeus Flight Offers Search, with made-up offers that look real.

Needs the extra `sandbox`. Run `python -m cachekit.amadeus.sandbox`, or in a test:

    async with SandboxServer(seed=1) as server, AmadeusClient(
        server.url, server.client_id, server.client_secret
    ) as client:
        reply = await client.search(FlightSearch(...))

Reading order: chance, airports, carriers, network, schedule, pricing, brands, money, trips, offers (the
inventory, all pure); issues, query, state, admin, server (the wire).
"""

from cachekit.amadeus.sandbox.offers import find_offers
from cachekit.amadeus.sandbox.server import DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, SandboxServer
from cachekit.amadeus.sandbox.state import Fault, Latency, Limits, SandboxState

__all__ = [
    "DEMO_CLIENT_ID",
    "DEMO_CLIENT_SECRET",
    "Fault",
    "Latency",
    "Limits",
    "SandboxServer",
    "SandboxState",
    "find_offers",
]
