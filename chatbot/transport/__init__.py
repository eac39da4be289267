"""Socket.IO for many people at once: in order, bounded, and knowing nothing of chats.

python-socketio and python-engineio with the costly parts replaced at the places where they may be:
subclasses of their servers, their socket, their client manager and their aiohttp driver.

Reading order: `refusal`, `frames` (what goes out), `packets` (what events look like), `timeouts`,
`websocket`, `connection` (one client), `engine` (all of them), `members` (who is connected), `dispatch`
(handshakes and events), `server` (the only thing that others use).
"""

from chatbot.transport.refusal import ConnectRefused
from chatbot.transport.server import SocketServer

__all__ = ["ConnectRefused", "SocketServer"]
