"""Whether this instance lives, and whether Redis answers. Says nothing of hosts and addresses."""

from aiohttp import web

from cachekit.errors import CacheUnavailable
from cachekit.socket_auth import SocketAuthRepository


def health_routes(sockets: SocketAuthRepository) -> web.RouteTableDef:
    """The routes under `/health`."""
    routes = web.RouteTableDef()

    @routes.get("/health/live")
    async def live(_request: web.Request) -> web.Response:
        """200 as long as the event loop turns."""
        return web.json_response({"status": "UP"})

    @routes.get("/health/redis")
    async def redis(_request: web.Request) -> web.Response:
        """200 with the round trip in milliseconds and the count of sockets; 503 while Redis is away."""
        health = await sockets.health_check()
        if not health.up or health.latency is None:
            return web.json_response({"redis": "DOWN"}, status=503)
        try:
            count = await sockets.get_connected_sockets_count()
        except CacheUnavailable:
            return web.json_response({"redis": "DOWN"}, status=503)
        return web.json_response(
            {"redis": "UP", "latencyMs": round(health.latency * 1000, 2), "connectedSockets": count}
        )

    return routes
