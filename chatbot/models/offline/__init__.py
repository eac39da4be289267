"""A rule-based model for flight questions, so that the gateway answers with no key and no network.

It understands English, Portuguese and Spanish, keeps nothing between calls and invents no flight: what it
says about flights comes out of the tool's result. Reading order: `language`, `quantities`, `date_grammar`
and `dates`, `airlines`, `message_grammar` and `reading` (one message), `trip` (what is wanted so far),
`conversation` (the whole history and what to do next), `phrases` and `summary` (what is said), `model`.
"""

from chatbot.models.offline.model import OfflineModel

__all__ = ["OfflineModel"]
