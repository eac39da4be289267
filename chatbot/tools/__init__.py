"""What a language model may call, and the registry that checks and bounds every call.

Reading order: `registry`, `cleaning` (a third party's texts), `fares` and `offers` (an offer as it is
read), `provenance` (how old an answer is), `digest` (a search as a model reads it), `refusals`, `naming`
and `fields` (what inputs share), then the tools: `flights`, `stored_offers`, `pricing`, `airports`,
`dates`; and `toolbox`, which makes them all.
"""

from chatbot.tools.flights import SearchFlights
from chatbot.tools.offers import FoundOffers
from chatbot.tools.registry import Observe, Tool, ToolRegistry, ToolReply
from chatbot.tools.toolbox import flight_tools

__all__ = ["FoundOffers", "Observe", "SearchFlights", "Tool", "ToolRegistry", "ToolReply", "flight_tools"]
