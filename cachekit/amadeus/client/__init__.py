"""Amadeus over HTTP: an asyncio client for the endpoints that this package covers.

Reading order: `answer` (one reply, read within bounds), `faults` (what it means if it is none), `exchange` (a
request and its document), `token`, `shared_token`, `token_provider` (access, fetched once and shared),
`headers`; `spacing`, `budget`, `allowance` (what the contract allows); `session` (a call with all of that),
`endpoints`, `pricing`, `http`, `settings`, `client`.
"""

from cachekit.amadeus.client.allowance import RequestLimits
from cachekit.amadeus.client.budget import Budget
from cachekit.amadeus.client.client import AmadeusClient
from cachekit.amadeus.client.settings import AmadeusSettings

__all__ = ["AmadeusClient", "AmadeusSettings", "Budget", "RequestLimits"]
