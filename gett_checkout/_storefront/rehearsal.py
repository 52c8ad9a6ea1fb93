"""Control the sandbox for the page: its requests, the mishaps to try, and the progress of an order.

All of it uses the sandbox's control paths. Only the sandbox sees the requests of every worker process,
and its switches act on all of them; a worker's telemetry covers its own requests only.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import aiohttp

from gett_checkout import InvalidInputError, RetryPolicy, StepNotAllowedError, TransportError
from gett_checkout.operations import OPERATIONS

# A shopper is waiting, so give up soon; the page offers to check again.
PATIENCE: Final = RetryPolicy(max_attempts=2, max_elapsed=10.0, initial_backoff=0.4)

_SHOWN: Final = 200
_CONFLICT: Final = 409
_FAULTS: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        # Lose every attempt of one click, so that the shopper sees an unknown outcome.
        "lost_response": {
            "operation": "place_order",
            "kind": "drop_after",
            "times": PATIENCE.max_attempts,
        },
        "slow_response": {"operation": "place_order", "kind": "delay", "seconds": 5},
    }
)


class Rehearsal:
    """Read and control one sandbox over HTTP; the caller owns and closes ``http``."""

    def __init__(self, sandbox_url: str, http: aiohttp.ClientSession) -> None:
        self._url = f"{sandbox_url}/_sandbox"
        self._http = http

    async def look(self) -> dict[str, Any]:
        """Read the requests that reached Gett, the orders it made, and which mishaps are on."""
        state = await self._call("GET", "")
        seen = (await self._call("GET", "/requests"))["requests"]
        first = max(len(seen) - _SHOWN, 0)
        return {
            "orders": state["orders"],
            "requests": [_masked(each, first + at) for at, each in enumerate(seen[first:], 1)],
            "mishaps": _mishaps(state),
        }

    async def turn(self, name: str, *, on: bool, store_id: str | None) -> None:
        """Switch one mishap on or off; ``store_closed`` closes the store of the checkout."""
        match name:
            case "price_change":
                await self._call("PATCH", "/switches", {"price_change": 1 if on else 0})
            case "store_closed":
                closed = [store_id] if on and store_id else []
                await self._call("PATCH", "/switches", {"closed_stores": closed})
            case _ if name in _FAULTS:
                await self._plan(name, on=on)
            case _:
                raise InvalidInputError("there is no such mishap")

    async def advance(self, order_id: str, *, cancel: bool) -> None:
        """Move an order on as its restaurant would, or cancel it."""
        to = {"to": "cancelled"} if cancel else {}
        await self._call("POST", f"/orders/{order_id}/advance", to)

    async def _plan(self, name: str, *, on: bool) -> None:
        planned = _mishaps(await self._call("GET", ""))
        await self._call("DELETE", "/faults")
        for each, fault in _FAULTS.items():
            if on if each == name else planned[each]:
                await self._call("POST", "/faults", fault)

    async def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        try:
            async with self._http.request(method, self._url + path, json=body) as response:
                if response.status == _CONFLICT:
                    raise StepNotAllowedError("the order is over")
                response.raise_for_status()
                return await response.json()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise TransportError("the sandbox is unavailable") from error


def _mishaps(state: Mapping[str, Any]) -> dict[str, bool]:
    planned = {(fault["operation"], fault["kind"]) for fault in state["faults"]}
    return {
        "price_change": bool(state["switches"]["price_change"]),
        **{name: (fault["operation"], fault["kind"]) in planned for name, fault in _FAULTS.items()},
        "store_closed": bool(state["switches"]["closed_stores"]),
    }


def _masked(seen: Mapping[str, Any], number: int) -> dict[str, Any]:
    """Describe one request without ids or secrets: its route, and the start of its key."""
    operation = OPERATIONS.get(seen["operation"])
    key = seen["idempotency_key"]
    return {
        "number": number,
        "operation": seen["operation"] or "unknown",
        "method": seen["method"],
        "route": operation.path if operation else "",
        "status": seen["status"],
        "level": seen["level"].replace("_", "-"),
        "code": seen["error_code"],
        "key": key and key[:8],
    }
