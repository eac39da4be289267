"""The official JavaScript client against this server."""

import asyncio
import json

import pytest
from support.machine import missing

SCRIPT = """
const { io } = require(process.argv[1]);
const [url, transports] = [process.argv[2], JSON.parse(process.argv[3])];
const tell = (what) => process.stdout.write(JSON.stringify(what) + "\\n");
const options = { transports, forceNew: true, reconnectionDelay: 50, timeout: 5000 };
const bad = io(url, { ...options, auth: { token: "bad" } });
bad.on("connect_error", (error) => {
  tell(["refused", error.message, error.data]);
  bad.close();
  const other = io(url + "/other", options);
  other.on("connect_error", (error) => {
    tell(["namespace", error.message]);
    other.close();
    talk();
  });
});
function talk() {
  const socket = io(url, { ...options, auth: { token: "good" } });
  const upgraded = transports.length === 1 ? Promise.resolve()
    : new Promise((done) => socket.io.on("open", () => socket.io.engine.once("upgrade", done)));
  socket.once("connect", async () => {
    for (let n = 0; n < 12; n++) socket.emit("echo", n);
    tell(["echo", await socket.timeout(5000).emitWithAck("echo", { text: "\\u00fc\\ud83d\\ude00" })]);
    tell(["binary", await socket.timeout(5000).emitWithAck("size", [Buffer.from([1, 2, 3])])]);
    tell(["unknown", await socket.timeout(5000).emitWithAck("nope")]);
    await upgraded;
    tell(["transport", socket.io.engine.transport.name]);
    socket.once("disconnect", (reason) => {
      tell(["disconnect", reason]);
      if (reason === "io server disconnect") socket.disconnect().connect();
      socket.once("connect", () => {
        socket.once("disconnect", (reason) => { tell(["disconnect", reason]); socket.close(); });
        socket.emit("ready");
      });
    });
    const got = [];
    socket.on("n", (n) => { if (got.push(n.n) === 50) tell(["pushed", got]); });
    socket.emit("go");
  });
}
"""


@pytest.mark.parametrize("transports", [["websocket"], ["polling", "websocket"], ["polling"]])
async def test_the_official_client_gets_on_with_it(stage, node, root, transports):
    """Refusal, namespaces, acknowledgements, binary, order, upgrade; and the reason why it ended."""
    package = root / "chatbot" / "web" / "node_modules" / "socket.io-client"
    if not package.exists():
        missing("socket.io-client; run `make page`")
    server = await stage.serve(handshake_timeout=5)

    async def size(sid, payload):
        return {"bytes": list(payload[0])}

    async def go(sid, payload):
        for number in range(50):
            server.push(sid, "n", {"n": number})
        server.end(sid, "ended")
        return {}

    closing = []

    async def ready(sid, payload):
        closing.append(asyncio.create_task(server.aclose()))
        return {}

    server.on("size", size)
    server.on("go", go)
    server.on("ready", ready)
    process = await asyncio.create_subprocess_exec(
        node, "-e", SCRIPT, str(package), stage.url, json.dumps(transports), stdout=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(30):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    await asyncio.gather(*closing)
    refusal = {"code": "token_invalid", "message": "This token is not valid."}
    assert [json.loads(line) for line in output.splitlines()] == [
        ["refused", refusal["message"], refusal],
        ["namespace", "Invalid namespace"],
        ["echo", {"ok": True, "echo": {"text": "ü😀"}}],
        ["binary", {"bytes": [1, 2, 3]}],
        ["unknown", {"error": "unknown"}],
        ["transport", transports[-1]],
        ["pushed", list(range(50))],
        ["disconnect", "io server disconnect"],
        ["disconnect", "transport close"],
    ]
    assert stage.order == [*range(12), {"text": "ü😀"}]
    assert [reason for _, reason in stage.gone] == ["ended", "shutdown"]
