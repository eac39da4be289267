"""The cache in front of a flight source.

Reading order: `reply` (is this an answer to the request?), `mentions` (what a reply is about: its tags),
`offer_ids`, `entries` (what callers get), `keeping` (for how long), `answers` (one question, cached),
`larger` (an answer out of a larger one), `reference`, `popularity`, `warming`, `repository` (the verbs).
"""

from cachekit.amadeus.repository.entries import CachedOffer, OfferPrice, Price, Pricing, SearchEntry
from cachekit.amadeus.repository.popularity import PopularSearch
from cachekit.amadeus.repository.repository import AmadeusCacheRepository
from cachekit.amadeus.repository.warming import Warmed

__all__ = [
    "AmadeusCacheRepository",
    "CachedOffer",
    "OfferPrice",
    "PopularSearch",
    "Price",
    "Pricing",
    "SearchEntry",
    "Warmed",
]
