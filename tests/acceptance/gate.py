"""A gate before the sandbox: it forwards every request, and refuses what its rules say.

The sandbox refuses what is wrong, in the words Gett documents. What Gett may say besides, and for how
long, is up to the rules here. A request that is refused never reaches the sandbox.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Literal, Self

import aiohttp
import aiohttp.web as web
from attrs import define, field, frozen

from gett_checkout.sandbox import operations
from gett_checkout.sandbox.problems import CODES, ERROR_PAGES
from gett_checkout.sandbox.serving import listening

Part = Literal[
    "lines", "store", "menu", "fulfillment", "shopper", "payment", "quote", "session", ""
]
"""What a shopper, or the library, changes to mend a refusal; empty when there is nothing to change."""

Until = Literal["once", "mended", "replaced", "for ever"]
"""For how long a rule refuses.

- `handle_once`: the first request only.
- `mended`: as long as the part is what it was in the first request refused.
- `replaced`: as long as the cart holds the item of the first request refused.
- `for ever`: every request.
"""

End = Literal["order", "person", "either", "ends"]
"""Where a shopper may end who meets the rule alone.

- `order`: with one order.
- `person`: being told to contact support, after few requests.
- `either`: one of the two, for the refusal does not say whether it will pass.
- `ends`: being told to contact support, or out of other answers to the same question.
"""

_INDEX = re.compile(r"lineItems\W+(\d+)")


@frozen
class Rule:
    """Which request is refused, how, and until when; `named` are the paths in `errors[]`.

    The path `itemId` stands for an entry with the id of the first line's item.
    """

    operation: str
    status: int
    code: str
    category: str
    named: str
    part: Part
    until: Until
    end: End

    @property
    def name(self) -> str:
        """The rule in a line, for a test's id."""
        said = self.code or "NO_CODE"
        if self.code not in CODES and self.category:
            said += f" of {self.category}"
        words = (self.operation, str(self.status), said, self.named or self.part, self.until)
        return " ".join(word for word in words if word)

    @property
    def indices(self) -> list[int]:
        """The lines it names, by their place in the cart."""
        return [int(index) for index in _INDEX.findall(self.named)]


@frozen
class Request:
    """What came to the gate, as far as a rule looks at it."""

    operation: str
    path: str
    credential: str
    body: dict[str, Any]

    @property
    def cart(self) -> dict[str, Any]:
        """The cart in it, or an empty one."""
        cart: dict[str, Any] = self.body.get("cart") or {}
        return cart

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The cart's lines without their ids: what is ordered."""
        return [
            {name: value for name, value in line.items() if name != "lineItemId"}
            for line in self.cart.get("lineItems", ())
        ]

    @property
    def items(self) -> list[str]:
        """The ids of the items in the cart."""
        return [line["itemId"] for line in self.lines]


@define
class Gate:
    """The gate's server, on loopback; an async context manager.

    `refused` counts the requests it refused, `passed` those of each operation that it forwarded.
    """

    sandbox_url: str
    rules: Sequence[Rule]
    refused: int = 0
    passed: Counter[str] = field(factory=Counter)
    url: str = ""
    _subjects: dict[Rule, Any] = field(factory=dict)
    _identities: dict[str, Any] = field(factory=dict)
    _contexts: dict[str, Any] = field(factory=dict)
    _http: aiohttp.ClientSession | None = None
    _runner: web.ServerRunner | None = None

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        self._runner = await listening(self._serve, "127.0.0.1", 0)
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._runner is not None
        assert self._http is not None
        await self._runner.cleanup()
        await self._http.close()

    async def _serve(self, incoming: web.BaseRequest) -> web.StreamResponse:
        content = await incoming.read()
        route = operations.find(incoming.method, incoming.rel_url.raw_path)
        assert route is not None, f"nobody serves {incoming.method} {incoming.rel_url.raw_path}"
        request = Request(
            operation=route.operation.name,
            path=incoming.rel_url.raw_path,
            credential=incoming.headers.get("Authorization", ""),
            body=json.loads(content) if content else {},
        )
        for rule in self.rules:
            if self._refuses(rule, request):
                self.refused += 1
                return _refusal(rule, request)
        self.passed[request.operation] += 1
        return await self._forward(incoming, content, request)

    async def _forward(
        self, incoming: web.BaseRequest, content: bytes, request: Request
    ) -> web.StreamResponse:
        assert self._http is not None
        headers = {
            name: value
            for name, value in incoming.headers.items()
            if name in ("Authorization", "Content-Type", "Idempotency-Key")
        }
        url = f"{self.sandbox_url}{incoming.rel_url}"
        async with self._http.request(
            incoming.method, url, headers=headers, data=content or None
        ) as answer:
            body = await answer.read()
            if answer.status < 300:
                self._remember(request, body)
            kept = ("Content-Type", "Retry-After", "X-RateLimit-Remaining", "X-RateLimit-Reset")
            return web.Response(
                status=answer.status,
                body=body,
                headers={name: answer.headers[name] for name in kept if name in answer.headers},
            )

    def _remember(self, request: Request, body: bytes) -> None:
        """Whose session a token is and where it delivers: later requests do not say so."""
        match request.operation:
            case "create_session":
                self._identities[f"Bearer {json.loads(body)['token']}"] = request.body
            case "set_fulfillment_context":
                self._contexts[request.credential] = request.body

    def _refuses(self, rule: Rule, request: Request) -> bool:
        if request.operation != rule.operation or not _concerns(rule, request):
            return False
        is_first = rule not in self._subjects
        if is_first:
            self._subjects[rule] = self._subject(rule, request)
        match rule.until:
            case "once":
                return is_first
            case "for ever":
                return True
            case "replaced":
                return self._subjects[rule] in request.items
            case "mended" if rule.indices:
                return any(line in request.lines for line in self._subjects[rule])
        return bool(self._subjects[rule] == self._subject(rule, request))

    def _subject(self, rule: Rule, request: Request) -> Any:
        """The part of the request that the rule is about."""
        body, key = request.body, request.credential
        match rule.part:
            case "lines" if rule.until == "replaced":
                return request.items[0]
            case "lines" if rule.indices:
                return [request.lines[index] for index in rule.indices]
            case "lines":
                return request.lines
            case "store":
                return request.cart.get("storeId", request.path)
            case "menu":  # mended when it is read again
                return self.passed["get_store"]
            case "fulfillment" if request.operation == "set_fulfillment_context":
                return body["mode"] if rule.named.endswith("mode") else body
            case "fulfillment":
                return body["fulfillmentType"], self._contexts.get(key)
            case "shopper" if request.operation == "create_session":
                return body
            case "shopper":
                return body.get("customer"), self._identities.get(key)
            case "payment":
                return body.get("payment", body)
            case "quote":
                return body["validatedOrderToken"]
            case "session":
                return key
        return None


def _concerns(rule: Rule, request: Request) -> bool:
    """Whether what the rule is about is in the request at all."""
    if rule.part == "shopper" and request.operation == "create_session":
        return "email" in request.body
    if rule.part == "lines":
        return len(request.lines) > max(rule.indices, default=-1)
    return True


def _refusal(rule: Rule, request: Request) -> web.Response:
    """The problem document. Docs: Errors (RFC 9457)."""
    document: dict[str, Any] = {
        "type": ERROR_PAGES + rule.code if rule.code else "about:blank",
        "title": "Refused",
        "status": rule.status,
        "detail": "The gate refuses this.",
        "instance": request.path,
        "requestId": "req_of_the_gate",
    }
    if rule.code:
        document["errorCode"] = rule.code
    if rule.category:
        document["errorCategory"] = rule.category
    if rule.code in CODES:
        document["retryable"] = CODES[rule.code].retryable
    if rule.status == 429:
        document["retryAfter"] = 60
    if rule.named:
        document["errors"] = [_entry(rule, path, request) for path in rule.named.split()]
    content = json.dumps(document).encode()
    return web.Response(status=rule.status, body=content, content_type="application/problem+json")


def _entry(rule: Rule, path: str, request: Request) -> dict[str, str]:
    said = {"code": rule.code or "invalid", "message": "This is not accepted."}
    where = {"itemId": request.items[0]} if path == "itemId" else {"jsonPath": path}
    return {**said, **where}
