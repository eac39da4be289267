"""What goes on in all instances, by the minute. Read `tally` (what is counted), `snapshot`, `analytics`."""

from chatbot.analytics.analytics import Analytics
from chatbot.analytics.snapshot import MinuteStats, RouteStats, Snapshot

__all__ = ["Analytics", "MinuteStats", "RouteStats", "Snapshot"]
