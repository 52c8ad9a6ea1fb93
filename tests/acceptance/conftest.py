"""A sandbox over real sockets, a client and checkouts, all on one clock."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator

from gett_checkout import Checkouts, GettCheckoutError, GettClient, MemoryStorage, errors
from gett_checkout._core.view import CheckoutView, view_of
from gett_checkout.sandbox import Sandbox
from gett_checkout.schemas import json_schema
from gett_checkout.testing import Clock
from tests.samples.states import NOW

VIEW, PROBLEM = (Draft202012Validator(json_schema(name)) for name in ("view", "problem"))


def as_sent(document: Any) -> Any:
    """The document as a page gets it: with strings, not their subclasses."""
    return json.loads(json.dumps(document))


@pytest.fixture(autouse=True)
def every_document_fits_its_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever view or problem is made in these tests is held to its JSON Schema."""

    def checked_view(*facts: Any) -> CheckoutView:
        view = view_of(*facts)
        VIEW.validate(as_sent(view.to_dict()))
        return view

    monkeypatch.setattr("gett_checkout._checkout.view_of", checked_view)

    def checking(to_problem: Any) -> Any:
        def checked(error: GettCheckoutError, *messages: Any) -> dict[str, Any]:
            problem: dict[str, Any] = to_problem(error, *messages)
            PROBLEM.validate(as_sent(problem))
            return problem

        return checked

    for kind in vars(errors).values():
        if isinstance(kind, type) and "to_problem" in vars(kind):
            monkeypatch.setattr(kind, "to_problem", checking(vars(kind)["to_problem"]))


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture
async def sandbox(clock: Clock) -> AsyncIterator[Sandbox]:
    async with Sandbox(clock=clock) as sandbox:
        yield sandbox


@pytest.fixture
async def gett(sandbox: Sandbox, clock: Clock) -> AsyncIterator[GettClient]:
    async with GettClient(
        sandbox.api_key, base_url=sandbox.url, clock=clock, sleep=clock.sleep, jitter=lambda: 0.5
    ) as gett:
        yield gett


@pytest.fixture
def storage(clock: Clock) -> MemoryStorage:
    return MemoryStorage(clock=clock)


@pytest.fixture
def checkouts(gett: GettClient, storage: MemoryStorage) -> Checkouts:
    return Checkouts(gett, storage=storage)
