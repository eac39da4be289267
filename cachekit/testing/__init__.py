"""What users need to test their own code: a clock they move, a factory they steer, a network they break.

Nothing here needs pytest. `cachekit.testing.plugin` (fixtures) and `cachekit.testing.contract` (a suite
that any kind of server has to pass) do; they come with the extra `testing`.
"""

from cachekit.testing.chaos import ChaosProxy
from cachekit.testing.clock import ManualClock
from cachekit.testing.loader import Loader

__all__ = ["ChaosProxy", "Loader", "ManualClock"]
