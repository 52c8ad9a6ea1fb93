"""Tests of the server by the client of the official package: in process, over stdio, over HTTP."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, MCPError, StdioServerParameters

from examples.mcp_server.server import create_server
from examples.shop import Settings, open_shop
from gett_checkout.sandbox import Sandbox
from gett_checkout.testing import the_order
from gett_checkout.tools import TOOLS

pytestmark = pytest.mark.slow  # it starts processes

JANE = {"email": "jane@example.com", "first_name": "Jane", "last_name": "Doe"}
CARD = {"kind": "card_on_file", "card_token": "card_ok", "processor_type": "stripe"}
PIZZA = {
    "line_id": "pizza",
    "item_id": "item_diavola",
    "modifiers": {"group_pizza_size": ["item_size_large"]},
}


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def environment(sandbox: Sandbox, tmp_path: Path) -> dict[str, str]:
    return {
        "GETT_API_KEY": sandbox.api_key,
        "GETT_BASE_URL": sandbox.url,
        "GETT_STORAGE": f"sqlite:////{tmp_path}/checkouts.db",
    }


@asynccontextmanager
async def in_process(environment: dict[str, str]) -> AsyncIterator[Client]:
    async with (
        open_shop(Settings.from_environment(environment)) as checkouts,
        Client(create_server(checkouts)) as client,
    ):
        yield client


@asynccontextmanager
async def over_stdio(environment: dict[str, str]) -> AsyncIterator[Client]:
    arguments = ["-m", "examples.mcp_server"]
    env = {**os.environ, **environment}
    async with Client(StdioServerParameters(command=sys.executable, args=arguments, env=env)) as it:
        yield it


@asynccontextmanager
async def over_http(environment: dict[str, str]) -> AsyncIterator[Client]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "examples.mcp_server", "--http", "--port", "0"),
        env={**os.environ, **environment},
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stderr is not None
        while not (
            running := re.search(rb"running on (http:\S+)", await process.stderr.readline())
        ):
            assert not process.stderr.at_eof()
        async with Client(f"{running[1].decode()}/mcp") as client:
            yield client
    finally:
        process.terminate()
        await process.communicate()


TRANSPORTS = {"in process": in_process, "stdio": over_stdio, "http": over_http}


class Agent:
    """An agent that calls every tool twice, and remembers the id of its checkout."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.checkout_id = ""

    async def call(self, name: str, **arguments: Any) -> dict[str, Any]:
        """What a tool gave, a problem or not."""
        if name not in ("start", "stores"):
            arguments = {"checkout_id": self.checkout_id, **arguments}
        result = await self.client.call_tool(name, arguments)
        found: Any = result.structured_content
        assert json.loads(getattr(result.content[0], "text", "")) == found
        assert result.is_error is ("problem" in found)
        return dict(found)

    async def does(self, name: str, **arguments: Any) -> dict[str, Any]:
        """What a tool gave the second time."""
        await self.call(name, **arguments)
        found = await self.call(name, **arguments)
        assert "problem" not in found, found
        if name == "start":
            self.checkout_id = found["view"]["id"]
        return found

    async def until_payable(self) -> str:
        """Everything but the order; the total that the person sees."""
        await self.does("stores")
        await self.does("start")
        await self.does("browse", store_id="store_bella_napoli")
        await self.does("menu")
        await self.does("add", **PIZZA)
        await self.does("fulfill", fulfillment={"type": "pickup"})
        await self.does("identify", identity=JANE)
        await self.does("validate", tip=3)
        found = await self.does("pay", payment=CARD)
        return str(found["next_action"]["total"])


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_an_order_with_every_call_made_twice_and_a_response_lost(
    transport: str, environment: dict[str, str], sandbox: Sandbox
) -> None:
    async with TRANSPORTS[transport](environment) as client:
        agent = Agent(client)
        total = await agent.until_payable()
        sandbox.switches.fail("place_order", "drop_after")
        placed = await agent.does("place", total=total)
        assert placed["view"]["order"]["order_id"] == the_order(sandbox).order_id
        assert (await agent.does("refresh_order"))["next_action"]["kind"] == "done"


async def test_a_result_that_was_lost_is_asked_for_again(
    environment: dict[str, str], sandbox: Sandbox
) -> None:
    async with over_stdio(environment) as client:
        agent = Agent(client)
        total = await agent.until_payable()
        sandbox.switches.fail("place_order", "delay", seconds=60)
        with pytest.raises(MCPError, match=r"(?i)timed out"):
            await client.call_tool(
                "place",
                {"checkout_id": agent.checkout_id, "total": total},
                read_timeout_seconds=0.3,
            )
        sandbox.release()
        found = await agent.call("place", total=total)
        while "problem" in found:
            assert found["problem"]["code"] == "PLACEMENT_IN_PROGRESS"
            await asyncio.sleep(found["next_action"]["seconds"])  # as it is told
            found = await agent.call("place", total=total)
        assert found["view"]["order"]["order_id"] == the_order(sandbox).order_id


async def test_two_agents_on_one_checkout_are_one_order(
    environment: dict[str, str], sandbox: Sandbox
) -> None:
    async with over_stdio(environment) as one, over_stdio(environment) as other:
        agents = [Agent(one), Agent(other)]
        total = await agents[0].until_payable()
        agents[1].checkout_id = agents[0].checkout_id
        for found in await asyncio.gather(*(each.call("place", total=total) for each in agents)):
            assert "view" in found or found["problem"]["code"] == "PLACEMENT_IN_PROGRESS"
        for agent in agents:
            found = await agent.does("view")
            assert found["view"]["order"]["order_id"] == the_order(sandbox).order_id


async def test_what_a_client_is_told_of_the_tools(environment: dict[str, str]) -> None:
    async with in_process(environment) as client:
        listed = {each.name: each for each in (await client.list_tools()).tools}
        assert client.instructions
    assert listed.keys() == {each.name for each in TOOLS}
    place = listed["place"]
    assert place.annotations
    assert (place.annotations.destructive_hint, place.annotations.read_only_hint) == (True, False)
    assert place.input_schema["required"] == ["checkout_id", "total"]
