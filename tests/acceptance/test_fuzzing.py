"""The mounted endpoints under a fuzzer that knows them by their OpenAPI document alone.

Schemathesis makes up requests, and sequences of them: right ones, and wrong in every way it knows.
Whatever it sends, no response is a 500, and each is as the document says.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import requests
import schemathesis
import uvicorn
from fastapi import FastAPI, Request
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    ensure_resource_availability,
    positive_data_acceptance,
    use_after_free,
)

from examples.shopper import STEPS
from gett_checkout import Checkouts, GettClient, Identity, MemoryStorage
from gett_checkout.sandbox import Sandbox
from gett_checkout.testing import Clock
from gett_checkout.web.fastapi import checkout_router

pytestmark = pytest.mark.slow

JANE = Identity("jane@example.com", "Jane", "Doe")
JANE_SENT = {"email": "jane@example.com", "first_name": "Jane", "last_name": "Doe"}
CARD = {"kind": "card_on_file", "card_token": "card_ok", "processor_type": "stripe"}
# What a document cannot tell: which ids there are, and that a checkout may be anywhere.
PAYABLE = len(STEPS) + 1
PLACED = PAYABLE + 1
UNKNOWABLE = [positive_data_acceptance, ensure_resource_availability, use_after_free]
REPEATABLE: Any = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=10,
    stateful_step_count=15,
    phases=[Phase.generate],
    suppress_health_check=[*HealthCheck],
)


# The way to an order, as links of OpenAPI: each response leads to a request with what a page would send.
WAY: list[tuple[str, str, str, dict[str, Any]]] = [
    ("checkout_start", "201", "checkout_browse", {"store_id": "store_bella_napoli"}),
    ("checkout_browse", "200", "checkout_add", {"item_id": "item_tiramisu", "quantity": 3}),
    ("checkout_add", "201", "checkout_fulfill", {"type": "pickup"}),
    ("checkout_fulfill", "200", "checkout_identify", JANE_SENT),
    ("checkout_identify", "200", "checkout_validate", {"tip": "1.50"}),
    ("checkout_validate", "200", "checkout_pay", CARD),
    ("checkout_pay", "200", "checkout_place", {"total": "$response.body#/next_action/total"}),
    ("checkout_place", "200", "checkout_view", {}),
    ("checkout_add", "201", "checkout_menu", {}),
    ("checkout_add", "201", "checkout_suggest_items", {}),
    ("checkout_view", "200", "checkout_abandon", {}),
    ("checkout_view", "200", "checkout_saved_cards", {}),
    (
        "checkout_validate",
        "200",
        "checkout_confirm_total",
        {"total": "$response.body#/quote/amounts/total"},
    ),
]
LINE = "$response.body#/lines/0/line_id"


def linked(document: dict[str, Any]) -> dict[str, Any]:
    """The OpenAPI document with the links, which a document of a backend has no need for."""
    by_id = {
        each["operationId"]: each for path in document["paths"].values() for each in path.values()
    }
    for at, (of, status, to, body) in enumerate(WAY):
        link: dict[str, Any] = {"operationId": to}
        if body:
            link["requestBody"] = body
        by_id[of]["responses"][status].setdefault("links", {})[f"{to}_{at}"] = link
    for to in ("checkout_update", "checkout_remove"):
        links = by_id["checkout_add"]["responses"]["201"]["links"]
        links[to] = {"operationId": to, "parameters": {"line_id": LINE}}
    return document


@pytest.fixture
def url(gett_sandbox: Sandbox, gett_clock: Clock) -> Iterator[str]:
    """A FastAPI backend with the endpoints, served by uvicorn in a thread."""

    async def who(request: Request) -> Identity | None:
        return JANE if request.headers.get("Authorization") else None

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with GettClient(
            gett_sandbox.api_key,
            base_url=gett_sandbox.url,
            clock=gett_clock,
            sleep=gett_clock.sleep,
        ) as gett:
            app.state.checkouts = Checkouts(gett, storage=MemoryStorage(clock=gett_clock))
            yield

    app = FastAPI(lifespan=lifespan)
    router = checkout_router(
        lambda request: request.app.state.checkouts,
        identity=who,
        page_names_shopper=True,
        secure_cookie=False,
    )
    app.include_router(router, prefix="/checkout")
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)  # it starts in its own thread
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def schema(url: str) -> Any:
    document = linked(requests.get(f"{url}/openapi.json", timeout=10).json())
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=url)
    return schema


def shopper_after(url: str, steps: int) -> requests.Session:
    """Somebody who has taken that many steps on the way to an order."""
    session = requests.Session()
    view: dict[str, Any] = {}
    for method, path, body in [*STEPS, ("PUT", "/checkout/payment", CARD)][:steps]:
        view = session.request(method, url + path, json=body, timeout=10).json()
    if steps == PLACED:
        total = view["next_action"]["total"]
        session.post(f"{url}/checkout/order", json={"total": total}, timeout=10)
    return session


@pytest.mark.parametrize("steps", [0, 3, PAYABLE, PLACED])
def test_sequences_of_requests(url: str, schema: Any, steps: int) -> None:
    statuses: Counter[int] = Counter()
    machine: Any = schema.as_state_machine()

    class Shopper(machine):  # type: ignore[misc]
        def setup(self) -> None:
            self.session = shopper_after(url, steps)

        def teardown(self) -> None:
            self.session.close()

        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            return {"session": self.session}

        def validate_response(self, response: Any, case: Any, **facts: Any) -> None:
            statuses[response.status_code] += 1
            case.validate_response(response, excluded_checks=UNKNOWABLE)

    Shopper.run(settings=REPEATABLE)
    assert statuses[200] > 10
    assert statuses[409] > 0


@pytest.mark.parametrize("mode", GenerationMode)
def test_each_endpoint(url: str, schema: Any, mode: GenerationMode) -> None:
    session = shopper_after(url, PAYABLE)
    statuses: Counter[int] = Counter()

    def send(case: Any) -> None:
        response = case.call(session=session)
        statuses[response.status_code] += 1
        case.validate_response(response, excluded_checks=UNKNOWABLE)

    made_up: Any = given
    for found in schema.get_all_operations():
        operation = found.ok()
        if mode is GenerationMode.POSITIVE or operation.body:
            fuzz: Any = made_up(operation.as_strategy(generation_mode=mode))(send)
            REPEATABLE(fuzz)()
    session.close()
    assert sum(statuses.values()) > 50
