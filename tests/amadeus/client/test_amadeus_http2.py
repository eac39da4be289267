"""HTTP/2: offered to every host that speaks TLS, and spoken where it is taken."""

import asyncio
import ssl

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived, StreamEnded
from support.flight_wire import FOUND, SEARCH, SECRET
from support.servers import Certificate

from cachekit.amadeus.client import AmadeusClient

TOKEN = b'{"access_token": "t", "expires_in": 1799}'
SEARCHED = b'{"meta": {"count": 1}, "data": [{"type": "flight-offer", "id": "1"}], "dictionaries": {}}'


class Host:
    """A TLS server that speaks HTTP/2 and nothing else, and notes each connection's streams."""

    def __init__(self, certificate):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate.cert, certificate.key)
        self.context.set_alpn_protocols(["h2"])
        self.protocols = []
        self.connections = []

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0, ssl=self.context)
        return self

    async def __aexit__(self, *error):
        self.server.close()
        await self.server.wait_closed()

    @property
    def url(self):
        return f"https://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"

    async def serve(self, reader, writer):
        self.protocols.append(writer.get_extra_info("ssl_object").selected_alpn_protocol())
        paths = {}
        self.connections.append(paths)
        speaker = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        speaker.initiate_connection()
        writer.write(speaker.data_to_send())
        try:
            while data := await reader.read(65_536):
                for event in speaker.receive_data(data):
                    if isinstance(event, RequestReceived):
                        paths[event.stream_id] = dict(event.headers)[":path"]
                    elif isinstance(event, StreamEnded):
                        body = TOKEN if "token" in paths[event.stream_id] else SEARCHED
                        speaker.send_headers(event.stream_id, [(":status", "200")])
                        speaker.send_data(event.stream_id, body, end_stream=True)
                writer.write(speaker.data_to_send())
        finally:
            writer.close()


@pytest.fixture
async def host(tmp_path, monkeypatch):
    certificate = Certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", certificate.cert)
    async with Host(certificate) as server:
        yield server


@pytest.mark.parametrize("records", [False, True])
async def test_http2_is_offered_and_spoken(host, tmp_path, records):
    """One connection carries all searches at once; recording changes nothing in that."""
    record = tmp_path / "recordings" if records else None
    async with AmadeusClient(host.url, "the-client", SECRET, record=record) as client:
        await client.search(SEARCH)
        assert await asyncio.gather(*(client.search(SEARCH) for _ in range(20))) == [FOUND] * 20
    assert host.protocols == ["h2"]
    assert [len(paths) for paths in host.connections] == [22]
