"""Every command of the runbook, in the situation it is written for: it prints what the page shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gett_checkout import Checkouts, GettClient, PlacedOrder
from gett_checkout import _placing as placing
from gett_checkout._core.order import Order
from tests.faults.night import DIGEST, MANY, ORDER_ID, Night, Run
from tests.samples.shopper import place_as_shown

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[2] / "docs" / "runbook.md"
DUPLICATE = "ord_30aa"


def transcript(section: str) -> list[tuple[str, str]]:
    """The commands of a section of the page, each with what the page says it prints."""
    text = PAGE.read_text(encoding="utf-8")
    (body,) = re.findall(
        rf"^## {re.escape(section)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL
    )
    shown: list[tuple[str, str]] = []
    for block in re.findall(r"```console\n(.*?)```", body, re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            shown.append((command, output))
    return shown


def shape(text: str) -> str:
    """The text without what differs from night to night."""
    for pattern, name in (
        (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|ord_\w+", "<name>"),
        (r"\b[0-9a-f]{12}\b", "<digest>"),
        (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "<time>"),
        (r"\d+ (s|min|h|d)\b", "<span>"),
        (r"[$]?\d+\.\d\d\b", "<amount>"),
        (r" +", " "),
    ):
        text = re.sub(pattern, name, text)
    return text


async def as_on_the_page(run: Run, section: str, *, statuses: dict[str, int] | None = None) -> None:
    """Run what the section shows, in its order."""
    for command, shown in transcript(section):
        status, said = await run(command)
        assert status == (statuses or {}).get(command, 0), said
        if shown:
            assert shape(said) == shape(shown)


async def test_an_outcome_is_unknown(night: Night, run: Run) -> None:
    await night.lose(720)
    assert (await run("gett-checkout reconcile"))[0] == 1
    await as_on_the_page(run, "An outcome is unknown")
    assert await run("gett-checkout reconcile") == (0, "0 due\n")
    assert len(night.sandbox.orders) == 1


async def test_gett_still_cannot_say(night: Night, run: Run) -> None:
    await night.lose()
    night.sandbox.switches.fail("place_order", "error", status=503, retry_after=9999, times=MANY)
    status, said = await run(f"gett-checkout reconcile --id {DIGEST}")
    assert status == 1
    first, second = said.splitlines()
    assert first.endswith("unknown  OutcomeUnknownError (HTTP 503)")
    assert second.startswith("1 processed; open cases: 1 still unknown, oldest ")


@pytest.mark.parametrize("not_placed", [False, True])
async def test_a_key_has_expired(night: Night, run: Run, *, not_placed: bool) -> None:
    await night.lose(24 * 3600, "drop_before" if not_placed else "drop_after")
    assert (await run("gett-checkout reconcile"))[0] == 1
    (show, shown), *ways = transcript("A key has expired")
    status, said = await run(show)
    assert (status, shape(said)) == (0, shape(shown))
    command, shown = next(way for way in ways if ("--not-placed" in way[0]) is not_placed)
    status, said = await run(command)
    assert (status, shape(said)) == (0, shape(shown))
    assert await run("gett-checkout reconcile") == (0, "0 due\n")
    view = (await night.checkouts.open(night.checkout.id)).view
    assert view.stage == ("validate" if not_placed else "placed")


async def test_gett_has_an_order_that_we_dont_know_about(night: Night, run: Run) -> None:
    command = f"gett-checkout show {ORDER_ID}"
    await as_on_the_page(run, "Gett has an order that we don't know about", statuses={command: 1})
    assert (await night.checkouts.open(night.checkout.id)).view.order == Order(ORDER_ID)
    assert (await run(command))[0] == 0


async def test_an_order_is_duplicated(night: Night, run: Run) -> None:
    night.sandbox.switches.fail("place_order", "drop_after")
    await place_as_shown(night.checkout)
    await placing.placed(night.checkout._record, Order(DUPLICATE))
    night.clock.advance(120)
    assert (await run("gett-checkout reconcile"))[0] == 1
    await as_on_the_page(run, "An order is duplicated")
    assert await run("gett-checkout reconcile") == (0, "0 due\n")


async def test_an_order_is_not_in_the_books(
    gett: GettClient, night: Night, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class OperationalError(Exception):
        pass

    async def book(order: PlacedOrder) -> None:
        raise OperationalError

    worker = Checkouts(gett, storage=night.storage, on_placed=book)
    await place_as_shown(await worker.open(night.checkout.id))
    for pause in (15, 30, 60):
        night.clock.advance(pause)
        (looked,) = await worker.reconcile()
        assert looked.error is not None
    night.clock.advance(30)
    await as_on_the_page(run, "An order is not in the books")

    (tmp_path / "shop_books.py").write_text("async def book(order): print('booked', order.order)\n")
    monkeypatch.chdir(tmp_path)
    night.clock.advance(90)
    status, said = await run("gett-checkout reconcile --on-placed shop_books:book")
    assert status == 0, said
    assert said.startswith("booked Order(order_id=")
    assert said.endswith("1 due\n")


async def test_nobody_looks(run: Run) -> None:
    await as_on_the_page(run, "No worker reconciles")


async def test_a_shopper_wants_to_be_forgotten(night: Night, run: Run) -> None:
    await place_as_shown(night.checkout)
    await as_on_the_page(run, "A shopper wants to be forgotten")
    assert await night.storage.load(night.checkout.id) is None


def test_every_section_with_a_command_is_tried() -> None:
    text = PAGE.read_text(encoding="utf-8")
    sections = [each.split("\n", 1) for each in re.split(r"^## ", text, flags=re.MULTILINE)[1:]]
    shown = {name for name, body in sections if "```console" in body}
    tried = re.findall(
        r'(?:transcript|as_on_the_page)\((?:run, )?"([^"]+)"', Path(__file__).read_text("utf-8")
    )
    assert shown == set(tried)
