"""Claude on Amazon Bedrock: the Converse API, streamed, on threads of its own.

Reading order: `request` (what is asked, in Converse's words), `turn` (what comes back, as events of ours),
`failures` (what AWS says went wrong, as errors of ours), `line` (a connection that another thread can hang
up), `call` (one streamed call on a thread), `threads` (how many there are at once), `model` (retries, the
probe).
"""

from chatbot.models.bedrock.model import BedrockModel

__all__ = ["BedrockModel"]
