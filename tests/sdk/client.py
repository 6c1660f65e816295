"""A client of the Python SDK: does a fixed scenario with a server at a URL, and prints what it saw as JSON.

`client.py auto|legacy URL`: in the SDK's own way, or as one before 2026-07-28.
"""

import asyncio
import json
import sys

from mcp import Client
from mcp.types import ElicitResult, Implementation

did = []


async def note(what, asked):
    """Waits for one request and notes what came of it."""
    try:
        result = await asked
        did.append([what, json.loads(result.model_dump_json())])
    except Exception as error:
        did.append([what, f"{type(error).__name__}: {error}"])


async def person(context, params):
    """The person behind the client, who takes a moment to answer."""
    await asyncio.sleep(0.2)
    return ElicitResult(action="accept", content={"amount": 3})


async def main(mode, url):
    info = Implementation(name="mcpr-test-python", version="1.2.3")
    async with Client(url, mode=mode, client_info=info, elicitation_callback=person) as client:
        await note("tools/list", client.list_tools())
        await note("tools/call add", client.call_tool("add", {"a": 2, "b": 40}))
        await note("tools/call negate", client.call_tool("negate", {"a": 7}))
        await note("tools/call add", client.call_tool("add", {"a": "two"}))
        await note("tools/call nope", client.call_tool("nope", {}))
        await note("tools/call order", client.call_tool("order", {"item": "tea"}))
        await note("prompts/get explain", client.get_prompt("explain", {"topic": "x" * 100_000}))
        await note("prompts/get nope", client.get_prompt("nope", {}))
        await note("resources/read", client.read_resource("memo://nowhere"))
        each = [note("tools/call add", client.call_tool("add", {"a": a, "b": a})) for a in range(4)]
        await asyncio.gather(*each)
    print(json.dumps(sorted(did, key=json.dumps)))


asyncio.run(main(*sys.argv[1:]))
