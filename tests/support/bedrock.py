"""A stand-in for Bedrock's runtime: ConverseStream over real HTTP, framed as AWS frames it.

The framing ("vnd.amazon.eventstream") is written here after its specification and not taken from botocore,
whose parser the tests put against it. Requests must be signed (SigV4, recomputed here) and are held to
the rules that Bedrock itself has for a conversation. What the model says is scripted: a list of turns, one
a request, each made of steps.
"""

import asyncio
import json
import re
import struct
from collections import deque
from dataclasses import dataclass
from urllib.parse import unquote
from zlib import crc32

from aiohttp import web
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

ACCESS_KEY, SECRET_KEY = "AKIDEXAMPLE", "not-a-secret-of-anybody"
REGION = "eu-west-1"
MODEL = "global.anthropic.claude-stand-in-1"
LONGEST_INPUT = 400_000
"""Characters; a request above is "too long for the model"."""

_STRING = 7
"""The header type of a UTF-8 string; the service uses no other."""


def frame(headers, payload):
    """One message: total length, headers' length, their CRC, headers, payload, the CRC of it all."""
    block = b"".join(
        struct.pack(f"!B{len(name)}sBH{len(value)}s", len(name), name, _STRING, len(value), value)
        for name, value in ((name.encode(), value.encode()) for name, value in headers.items())
    )
    prelude = struct.pack("!II", 16 + len(block) + len(payload), len(block))
    message = prelude + struct.pack("!I", crc32(prelude)) + block + payload
    return message + struct.pack("!I", crc32(message))


def event(kind, **fields):
    """An event's frame; `p` is the padding that the service adds against readers of packet sizes."""
    headers = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    return frame(headers, json.dumps({**fields, "p": "abcdefghij"[: 1 + len(kind) % 10]}).encode())


def fault(kind, message="no luck"):
    """An exception in mid-stream, such as `throttlingException`."""
    headers = {":exception-type": kind, ":content-type": "application/json", ":message-type": "exception"}
    return frame(headers, json.dumps({"message": message}).encode())


def error(code, message="no luck"):
    """An error that the API's model does not name."""
    return frame({":error-code": code, ":error-message": message, ":message-type": "error"}, b"")


START = event("messageStart", role="assistant")


def text(*pieces, index=0):
    """A block of text in pieces. The service opens none explicitly for text, and closes each."""
    deltas = [event("contentBlockDelta", contentBlockIndex=index, delta={"text": piece}) for piece in pieces]
    return [*deltas, event("contentBlockStop", contentBlockIndex=index)]


def tool(call_id, name, *pieces, index=1):
    """A tool call, its input in pieces of JSON text."""
    start = {"toolUse": {"toolUseId": call_id, "name": name}}
    deltas = ({"toolUse": {"input": piece}} for piece in pieces)
    return [
        event("contentBlockStart", contentBlockIndex=index, start=start),
        *(event("contentBlockDelta", contentBlockIndex=index, delta=delta) for delta in deltas),
        event("contentBlockStop", contentBlockIndex=index),
    ]


def stop(reason="end_turn", *, read=10, written=5, cache_read=0, cache_write=0):
    """The turn's end, and what it has used."""
    usage = {"inputTokens": read, "outputTokens": written, "totalTokens": read + written}
    usage |= {"cacheReadInputTokens": cache_read, "cacheWriteInputTokens": cache_write}
    return [
        event("messageStop", stopReason=reason),
        event("metadata", usage=usage, metrics={"latencyMs": 12}),
    ]


def turn(*parts, reason="end_turn", **usage):
    """A whole turn of blocks."""
    return [START, *(step for part in parts for step in part), *stop(reason, **usage)]


def says(*pieces, **usage):
    """A turn of text."""
    return turn(text(*pieces), **usage)


def asks(name, arguments, *, call_id="tooluse_1", **usage):
    """A turn that asks for one tool."""
    return turn(tool(call_id, name, json.dumps(arguments)), reason="tool_use", **usage)


class Cut:
    """A step: the connection dies, without a word."""


class Close:
    """A step: the answer ends here, properly as HTTP sees it."""


@dataclass
class Refusal:
    """A turn that is an HTTP error instead of a stream."""

    status: int
    code: str
    message: str = "no luck"


class BedrockServer:
    """Plays one scripted turn a request, then says "Hello." to all others.

    Steps: bytes are sent as one chunk, an `asyncio.Event` is waited for, `Cut` and `Close` end the answer.
    A turn that begins with an Event is held before its HTTP headers. `bodies` are the requests taken, in
    order; `requests` counts the refused ones, too; `streaming` how many are being answered; `waiting` is set
    when a step waits.
    """

    def __init__(self, *, cache_points=True, tls=None):
        self.turns = deque()
        self.bodies = []
        self.requests = self.streaming = 0
        self.waiting = asyncio.Event()
        self._cache_points = cache_points
        self._tls = tls
        self._transports = set()

    def script(self, *turns):
        """What the next requests get."""
        self.turns.extend(turns)

    @property
    def connections(self):
        """How many connections carried a request."""
        return len(self._transports)

    async def __aenter__(self):
        application = web.Application(client_max_size=2**24)
        application.router.add_post("/model/{model}/converse-stream", self._answer)
        self._runner = web.AppRunner(application, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._tls)
        await site.start()
        scheme, host = ("https", "localhost") if self._tls else ("http", "127.0.0.1")
        self.url = f"{scheme}://{host}:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_):
        await self._runner.cleanup()
        # A TLS connection would go on saying goodbye after its loop has ended.
        for transport in self._transports:
            transport.abort()
        await asyncio.sleep(0)

    async def _answer(self, request):
        self.requests += 1
        self._transports.add(request.transport)
        body = await request.read()
        refusal = _unsigned(request, body) or self._misfit(request, json.loads(body))
        if refusal:
            return _refuse(refusal)
        self.bodies.append(json.loads(body))
        steps = self.turns.popleft() if self.turns else says("Hello.")
        if isinstance(steps, Refusal):
            return _refuse(steps)
        self.streaming += 1
        try:
            return await self._play(request, steps)
        finally:
            self.streaming -= 1

    async def _play(self, request, steps):
        response = web.StreamResponse(
            headers={"Content-Type": "application/vnd.amazon.eventstream", "x-amzn-RequestId": "r-1"}
        )
        for step in steps:
            if isinstance(step, asyncio.Event):
                self.waiting.set()
                await step.wait()
                continue
            if not response.prepared:
                await response.prepare(request)
            if step is Cut:
                request.transport.abort()
                return response
            if step is Close:
                break
            await response.write(step)
        return response

    def _misfit(self, request, body):
        model = unquote(request.match_info["model"])
        if model != MODEL:
            return Refusal(404, "ResourceNotFoundException", f"Could not resolve the model {model}")
        broken = broken_rule(body)
        if broken is None and not self._cache_points and "cachePoint" in json.dumps(body):
            broken = "You invoked an unsupported model or your request did not allow prompt caching."
        return broken and Refusal(400, "ValidationException", broken)


def broken_rule(body):
    """Which of Bedrock's rules a request breaks; None if it may pass."""
    messages, config = body["messages"], body.get("inferenceConfig", {})
    roles = [message["role"] for message in messages]
    blocks = [block for message in messages for block in message["content"]]
    texts = [block["text"] for block in (*blocks, *body.get("system", [])) if "text" in block]
    uses_tools = any({"toolUse", "toolResult"} & block.keys() for block in blocks)
    rules = {
        "the stand-in wants maxTokens": "maxTokens" in config,
        "temperature and top_p are deprecated for this model.": not set(config) & {"temperature", "topP"},
        "Input is too long for requested model.": len(json.dumps(body)) <= LONGEST_INPUT,
        "A conversation must alternate between user and assistant roles, user first.": roles
        == [("user", "assistant")[n % 2] for n in range(len(roles))],
        "The conversation must end with a user message.": len(roles) % 2 == 1,
        "text content blocks must contain non-whitespace text": all(text.strip() for text in texts),
        "The toolConfig field must be defined when using toolUse and toolResult content blocks.": (
            "toolConfig" in body or not uses_tools
        ),
    }
    return next((rule for rule, kept in rules.items() if not kept), None) or _broken_pairing(messages)


def _broken_pairing(messages):
    """A call is answered in the next message, before anything else there, and nothing else is."""
    asked = []
    for message in messages:
        kinds = ["toolResult" in block for block in message["content"]]
        answered = [block["toolResult"]["toolUseId"] for block in message["content"] if "toolResult" in block]
        if sorted(answered) != sorted(asked):
            return "Expected toolResult blocks for exactly the toolUse blocks of the previous turn."
        if kinds != sorted(kinds, reverse=True):
            return "toolResult blocks must come first."
        asked = [block["toolUse"]["toolUseId"] for block in message["content"] if "toolUse" in block]
    return None


def _unsigned(request, body):
    """A refusal unless the request is signed with our key."""
    given = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=(\w+)/\d+/[\w-]+/bedrock/aws4_request, SignedHeaders=(\S+), "
        r"Signature=([0-9a-f]{64})",
        request.headers.get("Authorization", ""),
    )
    if given is None:
        return Refusal(403, "MissingAuthenticationTokenException", "Missing Authentication Token")
    if given[1] != ACCESS_KEY:
        return Refusal(403, "UnrecognizedClientException", "The security token is invalid.")
    if request.headers.get("X-Amz-Security-Token") == "expired":
        return Refusal(403, "ExpiredTokenException", "The security token included in the request is expired")
    if _signature(request, body, given[2].split(";")) != given[3]:
        return Refusal(403, "InvalidSignatureException", "The signature does not match.")
    return None


def _signature(request, body, names):
    headers = {name: request.headers[name] for name in names}
    signed = AWSRequest("POST", str(request.url.origin()) + request.raw_path, headers=headers, data=body)
    signed.context["timestamp"] = request.headers["X-Amz-Date"]
    signer = SigV4Auth(Credentials(ACCESS_KEY, SECRET_KEY), "bedrock", REGION)
    return signer.signature(signer.string_to_sign(signed, signer.canonical_request(signed)), signed)


def _refuse(refusal):
    return web.json_response(
        {"message": refusal.message},
        status=refusal.status,
        headers={"x-amzn-ErrorType": f"{refusal.code}:http://internal.amazon.com/coral/com.amazon/"},
    )
