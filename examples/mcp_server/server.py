"""The server: what it lists and calls are the tools of `gett_checkout.tools`."""

from __future__ import annotations

import json
from typing import Any, Final

from mcp import types
from mcp.server.lowlevel import Server

from gett_checkout import Checkouts
from gett_checkout.tools import TOOLS, call

INSTRUCTIONS: Final = (
    "Take a food order step by step: call start, then what next_tools of each result names. Ask the "
    "person for what only they know. Show them the total before you call place. Repeat a call when its "
    "result was lost: nothing is ordered twice."
)


def create_server(checkouts: Checkouts) -> Server[Any]:
    """The MCP server over these checkouts."""

    async def list_tools(_: object, __: object) -> types.ListToolsResult:
        return types.ListToolsResult(tools=LISTED)

    async def call_tool(_: object, asked: types.CallToolRequestParams) -> types.CallToolResult:
        # Behind a login, pass identity= here: then nobody opens another person's checkout.
        result = await call(checkouts, asked.name, asked.arguments or {})
        return types.CallToolResult(
            content=[types.TextContent(type="text", text=json.dumps(result))],
            structured_content=result,
            is_error="problem" in result,
        )

    return Server(
        "gett-checkout", instructions=INSTRUCTIONS, on_list_tools=list_tools, on_call_tool=call_tool
    )


# Without the output schemas, which are twenty times as long as all the rest: a model reads this list.
LISTED: Final = [
    types.Tool(
        name=each.name,
        description=each.description,
        input_schema=each.input_schema,
        annotations=types.ToolAnnotations(
            read_only_hint=each.reads_only,
            idempotent_hint=each.is_repeatable,
            destructive_hint=each.orders,
        ),
    )
    for each in TOOLS
]
