"""The Socket.IO gateway: who may come in, what they may send, and what they get back.

Reading order: `audience` (who is connected here), `door` (who may come in), `requests` (how each request is
answered), `chats` (the requests about chats), `bulletin` (what other instances have to say), `watch` (the
admins' live view), `gateway` (wires these to the sockets).
"""

from chatbot.gateway.gateway import Gateway

__all__ = ["Gateway"]
