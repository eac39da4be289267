"""What a real host answered, as files without secrets; `cachekit.amadeus.sandbox.replay` gives it again.

Reading order: `tape` (one exchange as a file), `redaction`, `telltale` (what must not be in it), `tee` (a
body read by two), `shelf` (the directory), `transport`.
"""

from cachekit.amadeus.recording.tape import BadRecording
from cachekit.amadeus.recording.transport import RecordingTransport

__all__ = ["BadRecording", "RecordingTransport"]
