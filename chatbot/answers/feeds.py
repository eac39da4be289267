"""The answers that an instance knows, and which of its sockets follows which."""

from collections import defaultdict

from chatbot.answers.feed import Feed, PushMany


class Feeds:
    """The feeds of an instance by answer, and for each socket what it follows or has got.

    A socket's part is kept until it leaves, so that it gets each event once, whatever tells it to follow: the
    beginning of an answer, a message on the bus that comes late, or its own wish.
    """

    def __init__(self, push_many: PushMany) -> None:
        self._push_many = push_many
        self._feeds: dict[str, Feed] = {}
        self._following: defaultdict[str, dict[str, Feed]] = defaultdict(dict)
        self._given: defaultdict[str, dict[str, int]] = defaultdict(dict)
        """By socket and answer, for those that are not followed any more, the last event it has got."""

    def __len__(self) -> int:
        return len(self._feeds)

    def get(self, answer_id: str) -> Feed | None:
        """The answer, if it is known here."""
        return self._feeds.get(answer_id)

    def of_session(self, session_id: str) -> list[Feed]:
        """The answers of a session that are known here."""
        return [feed for feed in self._feeds.values() if feed.session_id == session_id]

    def open(self, answer_id: str, session_id: str, user_id: str) -> Feed:
        """The answer, known from now on."""
        feed = self._feeds.get(answer_id)
        if feed is None:
            feed = self._feeds[answer_id] = Feed(answer_id, session_id, user_id, self._push_many)
        return feed

    def attach(self, feed: Feed, sid: str, *, after: int) -> None:
        """Let a socket follow from the event after `after` on, less what it has got already."""
        feed.attach(sid, max(after, self._given[sid].get(feed.answer_id, 0)))
        self._following[sid][feed.answer_id] = feed

    def close(self, feed: Feed) -> None:
        """Know the answer no longer: it is over, or of no interest here."""
        if self._feeds.get(feed.answer_id) is feed:
            del self._feeds[feed.answer_id]
        for sid in feed.sids:
            self._following[sid].pop(feed.answer_id, None)
            self._given[sid][feed.answer_id] = feed.leave(sid)

    def leave(self, sid: str) -> list[Feed]:
        """The socket has gone, or begins afresh; the answers that nobody here follows since."""
        self._given.pop(sid, None)
        left = list(self._following.pop(sid, {}).values())
        for feed in left:
            feed.leave(sid)
        return [feed for feed in left if not feed.sids]
