"""What happens to answers, for those who count it."""

from chatbot.models.protocol import TokenUsage


class Observer:
    """Hears what happens to the answers that this instance writes; override what is wanted.

    Called synchronously on the event loop; must neither block nor raise.
    """

    def answer_began(self) -> None:
        """An answer is being written here, for the first time or anew."""

    def first_token(self, seconds: float) -> None:
        """The first text came, so long after the answer began here."""

    def answer_ended(self, stop_reason: str, seconds: float) -> None:
        """An answer is no longer written here.

        `stop_reason` is that of `chat:done`, or `released` (left to another instance), `replaced` (another
        instance has taken it over) or `forgotten` (its session was deleted).
        """

    def searched(self, route: str, *, cached: bool) -> None:
        """Offers were found for a route such as `GRU-LIS`, in the cache or at the API."""

    def used(self, user_id: str, usage: TokenUsage) -> None:
        """An answer that has ended here, however, has used that many tokens, which may be none."""
