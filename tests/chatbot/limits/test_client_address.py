"""Whose request it is, with proxies in between and clients who say they are somebody else."""

from ipaddress import ip_address, ip_network
from types import SimpleNamespace

import pytest
from aiohttp import ClientSession, web
from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict

from chatbot.limits import client_address

PROXIES = tuple(ip_network(text) for text in ("10.0.0.0/8", "2001:db8:ffff::/48", "127.0.0.1/32"))


def seen(peer, *forwarded, trusted=PROXIES):
    headers = CIMultiDict([("X-Forwarded-For", value) for value in forwarded])
    return client_address(SimpleNamespace(remote=peer, headers=headers), trusted)


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("192.0.2.1", [], "192.0.2.1"),
        ("192.0.2.1", ["198.51.100.7"], "192.0.2.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["1.1.1.1, 198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["1.1.1.1, 198.51.100.7, 10.0.0.2,10.0.0.3"], "198.51.100.7"),
        ("10.0.0.1", ["1.1.1.1", "198.51.100.7", "10.0.0.2"], "198.51.100.7"),
        ("10.0.0.1", ["10.9.9.9, 198.51.100.7, 10.0.0.2"], "198.51.100.7"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", ["127.0.0.1, 198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["198.51.100.7, unknown"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.7, unknown, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", ["198.51.100.7, "], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", ["\x00, ' OR 1=1"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.7:4711"], "198.51.100.7"),
        ("10.0.0.1", ["[2001:db8::7]:4711"], "2001:db8::7"),
        ("10.0.0.1", ["[2001:db8::7]"], "2001:db8::7"),
        ("10.0.0.1", ["2001:DB8:0:0::7"], "2001:db8::7"),
        ("10.0.0.1", ["::ffff:198.51.100.7"], "198.51.100.7"),
        ("::ffff:10.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("2001:db8:ffff::1", ["2001:db8::7"], "2001:db8::7"),
        ("2001:db8:fffe::1", ["2001:db8::7"], "2001:db8:fffe::1"),
        ("fe80::1%eth0", ["198.51.100.7"], "fe80::1"),
        ("", ["198.51.100.7"], "198.51.100.7"),
        (None, [], "127.0.0.1"),
        ("10.0.0.1", ["198.51.100.7, " + "10.0.0.2, " * 40 + "10.0.0.3"], "10.0.0.2"),
    ],
)
def test_the_first_that_is_no_proxy_of_ours_is_the_client(peer, forwarded, client):
    """From our end; what stands before it is the client's own word."""
    assert seen(peer, *forwarded) == client


def test_without_trusted_proxies_the_header_means_nothing():
    """Nobody chooses his own address."""
    assert seen("127.0.0.1", "198.51.100.7", trusted=()) == "127.0.0.1"


@settings(deadline=None)
@given(st.ip_addresses(), st.lists(st.one_of(st.ip_addresses().map(str), st.text(max_size=20)), max_size=5))
def test_a_client_cannot_write_himself_another_address(real, invented):
    """Whatever header he sends: our proxy adds his true address at its end, and that counts."""
    if any(real in network for network in PROXIES):
        return
    mapped = getattr(real, "ipv4_mapped", None)
    assert seen("10.0.0.1", *invented, f"{', '.join(invented)}, {real}") == str(mapped or real)


@settings(deadline=None)
@given(st.text(max_size=60), st.text(max_size=60))
def test_whatever_the_header_holds_the_answer_is_an_address(peer, forwarded):
    """No input is an error."""
    assert ip_address(seen(peer, forwarded))


async def test_it_reads_a_real_request():
    """Peer and headers as aiohttp gives them, the header sent twice."""

    async def say(request):
        return web.Response(text=client_address(request, PROXIES))

    application = web.Application()
    application.router.add_get("/", say)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    headers = [("X-Forwarded-For", "1.1.1.1"), ("X-Forwarded-For", "198.51.100.7, 10.0.0.2")]
    async with ClientSession() as session:
        for sent, expected in ((headers, "198.51.100.7"), ([], "127.0.0.1")):
            async with session.get(f"http://127.0.0.1:{port}/", headers=sent) as reply:
                assert await reply.text() == expected
    await runner.cleanup()
