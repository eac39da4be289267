"""What a language model may call, and the registry that checks and bounds every call."""

from chatbot.tools.flights import FlightEntry, FlightRepository, SearchFlights
from chatbot.tools.offers import FoundOffers
from chatbot.tools.registry import Tool, ToolRegistry, ToolReply

__all__ = [
    "FlightEntry",
    "FlightRepository",
    "FoundOffers",
    "SearchFlights",
    "Tool",
    "ToolRegistry",
    "ToolReply",
]
