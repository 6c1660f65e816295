"""A server of the Python SDK at a port that it chooses and prints.

`server.py both` serves it as the SDK does; `server.py modern` takes requests of 2026-07-28 alone, as a
server without a past does; `server.py fastmcp` is the same server made with FastMCP.
"""

import json
import socket
import sys
from typing import Annotated

import uvicorn
from mcp.server import MCPServer
from mcp.server.mcpserver import Elicit, Resolve
from pydantic import BaseModel

era = sys.argv[1]
if era == "fastmcp":
    from fastmcp import FastMCP as Server
else:
    Server = MCPServer

server = Server("sums")


@server.tool()
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@server.tool()
def negate(a: int) -> int:
    """Negate a number."""
    return -a


class Amount(BaseModel):
    """What a person is asked for."""

    amount: int


async def amount() -> Elicit[Amount]:
    """Asks the person behind the client."""
    return Elicit("How much of it?", Amount)


if era != "fastmcp":

    @server.tool()
    def order(item: str, asked: Annotated[Amount, Resolve(amount)]) -> str:
        """Order something, as much as a person says."""
        return f"{asked.amount} of {item}"


@server.prompt()
def explain(topic: str) -> str:
    """Explain a sum."""
    return f"Explain {topic}."


app = server.http_app() if era == "fastmcp" else server.streamable_http_app()


async def modern(scope, receive, send):
    """Refuses what is not of 2026-07-28."""
    headers = dict(scope.get("headers", []))
    if scope["type"] == "http" and headers.get(b"mcp-protocol-version") != b"2026-07-28":
        error = {"code": -32022, "message": "unsupported protocol version"}
        body = json.dumps({"jsonrpc": "2.0", "id": None, "error": error}).encode()
        kind = (b"content-type", b"application/json")
        await send({"type": "http.response.start", "status": 400, "headers": [kind]})
        await send({"type": "http.response.body", "body": body})
        return
    await app(scope, receive, send)


listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
chosen = modern if era == "modern" else app
uvicorn.Server(uvicorn.Config(chosen, log_level="warning")).run(sockets=[listener])
