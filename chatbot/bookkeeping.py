"""What is counted of every answer: for this instance's metrics, and for everybody's analytics."""

from chatbot.analytics import Analytics
from chatbot.answers import Observer
from chatbot.metrics import Metrics
from chatbot.models.protocol import TokenUsage
from chatbot.usage import Usage


class Bookkeeper(Observer):
    """Passes on what happens to the answers written here."""

    def __init__(self, metrics: Metrics, analytics: Analytics, usage: Usage) -> None:
        self._metrics = metrics
        self._analytics = analytics
        self._usage = usage

    def answer_began(self) -> None:
        """An answer is being written."""
        self._metrics.answer_began()

    def first_token(self, seconds: float) -> None:
        """Its first text has come."""
        self._metrics.first_token(seconds)

    def answer_ended(self, stop_reason: str, seconds: float) -> None:
        """It is no longer written here."""
        self._metrics.answer_ended(stop_reason, seconds)

    def searched(self, route: str, *, cached: bool) -> None:
        """Offers were found."""
        self._analytics.searched(route, cached=cached)

    def used(self, user_id: str, usage: TokenUsage) -> None:
        """An answer has used that many tokens."""
        for kind, count in (
            ("input", usage.input_tokens),
            ("output", usage.output_tokens),
            ("cache_read", usage.cache_read_tokens),
            ("cache_write", usage.cache_write_tokens),
        ):
            self._metrics.tokens(kind, count)
        self._analytics.answered(user_id, tokens=usage.total, cost=self._usage.cost(usage))
