"""Whom the gateway listens to, and how much one address and one user may ask for.

Reading order: `origins` (whose pages may connect), `proxies` (which address a request came from),
`address_limit` (in each process, before a token is looked at), `user_limits` (over all instances together).
"""

from chatbot.limits.address_limit import AddressLimit
from chatbot.limits.origins import OriginRule
from chatbot.limits.proxies import Network, client_address
from chatbot.limits.user_limits import UserLimits

__all__ = ["AddressLimit", "Network", "OriginRule", "UserLimits", "client_address"]
