"""The commands that look into a storage: what they print, what they end with, what they refuse."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import sys
from contextlib import closing, redirect_stdout
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from attrs import evolve
from cryptography.fernet import Fernet

from gett_checkout import (
    Checkouts,
    GettClient,
    OutcomeUnknownError,
    PaymentDeclinedError,
    RetryPolicy,
    StepNotAllowedError,
)
from gett_checkout import _placing as placing
from gett_checkout import _search as search
from gett_checkout._cli import main
from gett_checkout._core.machine import OrderRead
from gett_checkout._core.order import Order
from gett_checkout.errors import CheckoutNotFoundError, InvalidInputError
from gett_checkout.sandbox import Sandbox
from gett_checkout.storage import Storage, Stored
from gett_checkout.storage.encrypted import EncryptedStorage
from gett_checkout.storage.memory import MemoryStorage
from gett_checkout.storage.sqlite import SQLiteStorage
from gett_checkout.telemetry import digest
from gett_checkout.testing import Clock
from tests.acceptance.shopping import (
    CARD,
    begin_to_place,
    lose_order,
    payable,
    until_payable,
)
from tests.faults.night import DIGEST, Night, Run
from tests.samples.shopper import place_as_shown

pytestmark = pytest.mark.slow

IMPATIENT = RetryPolicy(max_attempts=1)
LOST_FOR = 530.0  # seconds; the next attempt is then minutes away, however slowly a command starts


async def gett_checkout(
    path: Path, sandbox: Sandbox, *arguments: str, **environment: str
) -> tuple[int | None, str]:
    """Run the command in a process of its own, as cron does."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", "-m", "gett_checkout", *arguments),
        env={
            **os.environ,
            "GETT_API_KEY": sandbox.api_key,
            "GETT_BASE_URL": sandbox.url,
            "GETT_STORAGE": f"sqlite:///{path}",
            **environment,
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    told, failed = await process.communicate()
    return process.returncode, (told + failed).decode()


async def lose_a_response(sandbox: Sandbox, storage: Storage) -> str:
    """Lose the responses to a placement for so long that no worker sends it in the next minutes."""
    clock = Clock(datetime.now(UTC) - timedelta(seconds=LOST_FOR))
    async with GettClient(
        sandbox.api_key, base_url=sandbox.url, retry=IMPATIENT, clock=clock
    ) as gett:
        checkouts = Checkouts(gett, storage=storage)
        checkout = await payable(checkouts)
        await Night(checkouts, checkout, sandbox, clock, storage).lose(LOST_FOR)
        return checkout.id


@pytest.mark.parametrize("encrypted", [False, True])
async def test_the_one_order_is_found(tmp_path: Path, *, encrypted: bool) -> None:
    path, key = tmp_path / "checkouts.db", Fernet.generate_key().decode()
    async with Sandbox() as sandbox, SQLiteStorage(path) as stored:
        storage = EncryptedStorage(stored, [key]) if encrypted else stored
        name = digest(await lose_a_response(sandbox, storage))
        keys = {"GETT_STORAGE_KEYS": key} if encrypted else {}
        status, said = await gett_checkout(path, sandbox, "reconcile", **keys)
        assert (status, said.startswith("0 due, 1 still unknown, oldest ")) == (1, True)
        status, said = await gett_checkout(path, sandbox, "reconcile", "--id", name, **keys)
        (order,) = sandbox.orders
        assert (status, said) == (
            0,
            f"{name}  placed  {order.order_id}\n1 processed; open cases: 0\n",
        )
        assert await gett_checkout(path, sandbox, "reconcile", **keys) == (0, "0 due\n")
        for which in (name, name[:8], order.order_id, order.idempotency_key or ""):
            status, said = await gett_checkout(path, sandbox, "show", which, **keys)
            assert (status, f"checkout: {name}\n" in said) == (0, True)


async def test_a_damaged_placement_ends_with_one(tmp_path: Path) -> None:
    path = tmp_path / "checkouts.db"
    async with Sandbox() as sandbox, SQLiteStorage(path) as storage:
        checkout_id = await lose_a_response(sandbox, storage)
        stored = await storage.load(checkout_id)
        assert stored is not None
        await damage(storage, checkout_id, stored, stored.data.replace(b"card_ok", b"card_no"))
        name = digest(checkout_id)
        status, said = await gett_checkout(path, sandbox, "reconcile", "--id", name)
        assert (status, said.splitlines()[0]) == (1, f"{name}  unknown  StepNotAllowedError")


async def damage(storage: Storage, checkout_id: str, stored: Stored, data: bytes) -> None:

    now = datetime.now(UTC)
    await storage.save(
        checkout_id,
        data,
        expected_version=stored.version,
        expires_at=now + timedelta(days=1),
        due_at=now,
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["reconcile", "--storage", "memory:"], "GETT_API_KEY"),
        (["list"], "set --storage or GETT_STORAGE"),
        (["list", "--storage", "sqlite:///no%20such.db"], "there is no file no such.db"),
        (["list", "--storage", "SQLite:///no%20such.db"], "there is no file no such.db"),
        (["list", "--storage", "sqlite:no%20such.db"], "there is no file no such.db"),
        (["list", "--storage", "mysql://user:hunter2@host/db"], "a storage URL begins with"),
        (["show", "--storage", "memory:", "nobody"], "no stored checkout has this id"),
        (["forget", "--storage", "memory:", "nobody"], "no stored checkout has this id"),
        (
            ["resolve", "--storage", "memory:", "nobody", "--not-placed"],
            "no stored checkout has this id",
        ),
    ],
)
def test_what_is_wrong_is_said_without_secrets(
    arguments: list[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("GETT_API_KEY", raising=False)
    monkeypatch.delenv("GETT_STORAGE", raising=False)
    assert main(arguments) == 1
    told = capsys.readouterr().err
    assert said in told
    assert "hunter2" not in told


@pytest.mark.parametrize("handler", ["nowhere:book", "json:nothing", ":x", "json", ".shop:book"])
def test_a_handler_that_is_not_there_is_said(
    handler: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GETT_API_KEY", "zpka_x")
    assert main(["reconcile", "--storage", "memory:", "--on-placed", handler]) == 1
    assert f"--on-placed {handler}: " in capsys.readouterr().err


def test_a_limit_is_a_whole_number(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GETT_API_KEY", "zpka_x")
    assert main(["reconcile", "--storage", "memory:", "--limit", "7"]) == 0
    assert capsys.readouterr().out == "0 due\n"


@pytest.mark.parametrize("limit", ["0", "-1", "many"])
def test_a_limit_that_cannot_be_is_said(limit: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["reconcile", "--storage", "memory:", f"--limit={limit}"])
    assert ended.value.code == 2
    said = "argument --limit: a limit is a whole number, at least 1\n"
    assert capsys.readouterr().err.endswith(said)


@pytest.mark.parametrize("command", ["list", "show x", "forget x", "resolve x --not-placed"])
def test_a_file_of_something_else_is_left_alone(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "books #1?.db"
    with closing(sqlite3.connect(path)) as books:
        books.execute("CREATE TABLE books (title)")
    before = path.read_bytes()
    assert main([*command.split(), "--storage", f"sqlite:///{quote(str(path))}"]) == 1
    assert capsys.readouterr().err == f"gett-checkout: no checkouts are stored in {path}\n"
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_is_no_database_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("Milk, eggs, bread.\n" * 50)
    assert main(["list", "--storage", f"sqlite:///{path}"]) == 1
    said = f"gett-checkout: no checkouts can be read from {path}: file is not a database\n"
    assert capsys.readouterr().err == said


async def test_a_storage_without_checkouts_is_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "checkouts.db"
    async with SQLiteStorage(path) as storage:
        assert await storage.load("x") is None
    assert await asyncio.to_thread(main, ["list", "--storage", f"sqlite:///{path}"]) == 0
    assert capsys.readouterr().out == "nothing is unresolved\n"


def test_the_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "postgres"]) == 0
    assert "CREATE TABLE IF NOT EXISTS" in capsys.readouterr().out


def test_the_schema_needs_its_driver(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    monkeypatch.delitem(sys.modules, "gett_checkout.storage.postgres", raising=False)
    assert main(["schema", "postgres"]) == 1
    assert "install gett-checkout[postgres]" in capsys.readouterr().err


# --- what cannot be read or shown -----------------------------------------------------------------


async def test_what_no_key_decrypts_is_listed_and_can_be_deleted(
    night: Night, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    await night.lose()
    monkeypatch.setenv("GETT_STORAGE_KEYS", Fernet.generate_key().decode())  # it was saved without
    name = digest(night.checkout.id)
    status, said = await run("gett-checkout list")
    assert status == 0
    assert said.splitlines()[1].startswith(f"{name}  unreadable")
    assert said.splitlines()[1].endswith("UndecryptableError")
    night.clock.advance(60)
    status, said = await run("gett-checkout reconcile")
    assert (status, said.splitlines()[-1]) == (1, "1 due, 1 unreadable")
    for command in (f"show {name}", f"show {night.checkout.id}", f"forget {name}"):
        said = "gett-checkout: no key decrypts what is stored under this id\n"
        assert await run(f"gett-checkout {command}") == (1, said)
    assert (await run("gett-checkout show another"))[1].startswith("gett-checkout: no stored")
    assert await run(f"gett-checkout forget {name} --force") == (0, f"{name}  forgotten\n")
    assert await run("gett-checkout reconcile") == (0, "0 due\n")


async def test_whatever_a_text_holds_it_stays_on_its_line(night: Night, run: Run) -> None:
    odd = {"basket": "7\nstage: placed", "from": "half \ud83c"}
    checkout = await night.checkouts.start(checkout_id="odd", metadata=odd)
    status, said = await run("gett-checkout show odd")
    assert status == 0
    assert "  basket: 7\\nstage: placed\n  from: half \\ud83c\n" in said
    assert (await parsed(run, "show odd --json"))["metadata"] == odd
    assert checkout.id == "odd"


async def test_what_is_printed_may_go_anywhere(night: Night) -> None:
    with redirect_stdout(StringIO()) as said:
        assert await asyncio.to_thread(main, ["list"]) == 0
    assert said.getvalue() == "nothing is unresolved\n"


# --- JSON -----------------------------------------------------------------------------------------


async def test_every_command_speaks_json(night: Night, run: Run) -> None:
    await night.lose()
    (unresolved,) = await parsed(run, "list --json")
    assert (unresolved["checkout"], unresolved["reason"]) == (digest(night.checkout.id), "unknown")
    known = await parsed(run, f"show {DIGEST} --json")
    assert known["placement"]["key"] == unresolved["idempotency_key"]
    assert known["placement"]["begun_at"] == unresolved["since"]
    said = await parsed(run, f"reconcile --id {DIGEST} --json")
    assert [each["outcome"] for each in said["looked_at"]] == ["placed"]
    assert said["unresolved"] == []
    (listed,) = await parsed(run, "list --stage placed --json")
    assert listed["order"]["order_id"] == night.sandbox.orders[0].order_id
    order_id = listed["order"]["order_id"]
    resolved = await parsed(run, f"resolve {DIGEST} --order-id {order_id} --note sure --json")
    assert resolved["resolution"]["note"] == "sure"
    forgotten = await parsed(run, f"forget {DIGEST} --json")
    assert forgotten == {"checkout": digest(night.checkout.id), "forgotten": True}
    assert await parsed(run, "list --stage placed --json") == []


async def parsed(run: Run, command: str) -> Any:
    status, said = await run(f"gett-checkout {command}")
    assert status == 0, said
    return json.loads(said)


# --- show -----------------------------------------------------------------------------------------


async def test_what_was_rejected_is_shown_with_its_words(night: Night, run: Run) -> None:
    night.sandbox.switches.fail("place_order", "error", code="PAYMENT_DECLINED")
    with pytest.raises(PaymentDeclinedError):
        await place_as_shown(night.checkout)
    _, said = await run(f"gett-checkout show {DIGEST}")
    rejection = said.partition("rejections:\n")[2]
    assert "  step: place\n" in rejection
    assert "  code: PAYMENT_DECLINED\n" in rejection
    assert "  message: " in rejection
    assert "  times: 1\n" in rejection
    assert CARD.card_token not in said


async def test_a_worker_that_may_be_sending_is_shown(night: Night, run: Run) -> None:
    night.sandbox.switches.fail("place_order", "hang")
    placing_it = await begin_to_place(night.checkout, night.sandbox)
    _, said = await run(f"gett-checkout show {DIGEST}")
    assert "  worker may send until: " in said
    assert "for support" not in said
    await night.sandbox.stop()
    with pytest.raises(OutcomeUnknownError):
        await placing_it


async def test_the_sentence_for_support_asks_what_is_not_known(night: Night, run: Run) -> None:
    night.sandbox.switches.key_policy = "refuse_duplicates"
    await night.lose()
    night.clock.advance(100)
    assert (await run("gett-checkout reconcile"))[0] == 0
    _, said = await run(f"gett-checkout show {DIGEST}")
    assert "for support: You told us that an order exists for Idempotency-Key " in said
    await placing.placed((await night.checkouts.open(night.checkout.id))._record, Order("one"))
    await placing.placed((await night.checkouts.open(night.checkout.id))._record, Order("two"))
    _, said = await run(f"gett-checkout show {DIGEST}")
    assert "produced more than one order. one stands; please cancel two and refund it." in said
    assert "duplicates: two\n" in said
    status, said = await run("gett-checkout list")
    assert (status, said.splitlines()[-1].split(",")[0]) == (0, "1 with a duplicate")


async def test_a_checkout_at_its_beginning_is_shown(night: Night, run: Run) -> None:
    checkout = await night.checkouts.start(checkout_id="empty")
    status, said = await run("gett-checkout show empty")
    assert status == 0
    assert "stage: browse" in said.splitlines()
    assert "placement" not in said
    assert checkout.id == "empty"


async def test_whether_the_order_is_in_the_books_is_shown(
    gett: GettClient, night: Night, run: Run
) -> None:
    async def book(order: object) -> None:
        pass

    shop = Checkouts(gett, storage=night.storage, on_placed=book)
    await place_as_shown(await shop.open(night.checkout.id))
    assert await run("gett-checkout list") == (0, "nothing is unresolved\n")
    _, said = await run(f"gett-checkout show {DIGEST}")
    books = said.partition("hand over:\n")[2].splitlines()
    assert books[0].startswith("  done at: ")
    assert books[1] == "  attempts: 1"


@pytest.mark.parametrize(
    ("seconds", "age"), [(30, "s"), (90, "min"), (7200, "h"), (3 * 86400, "d")]
)
async def test_ages_are_in_the_unit_that_fits(
    night: Night, run: Run, seconds: int, age: str
) -> None:
    await night.lose()
    night.clock.advance(seconds)
    _, said = await run("gett-checkout list")
    assert said.splitlines()[-1].endswith(f" {age}")


async def test_the_total_is_the_orders_own_and_its_words_are_not_shown(
    night: Night, run: Run
) -> None:
    order = await place_as_shown(night.checkout)
    assert order.amounts is not None
    record = night.checkout._record
    adjusted = evolve(order.amounts, adjustments=Decimal(-5), total=order.amounts.total - 5)
    reason, url = "jane@example.com has cancelled", "https://track.example/?sig=SECRET"
    record.happen(
        OrderRead(evolve(order, amounts=adjusted, cancel_reason=reason, tracking_urls=(url,)))
    )
    await record.save()
    _, said = await run(f"gett-checkout show {DIGEST}")
    assert f"\ntotal: {adjusted.total}\n" in said
    assert f"next action:\n  kind: done\n  order id: {order.order_id}\nsession:" in said
    assert str(adjusted.total) in (await run("gett-checkout list --stage placed"))[1].split()
    for command in (f"show {DIGEST} --json", "list --stage placed --json"):
        _, text = await run(f"gett-checkout {command}")
        assert not [each for each in (reason, url) if each in said + text]


async def test_the_total_of_another_cart_is_not_shown(night: Night, run: Run) -> None:
    quote = night.checkout.view.quote
    assert quote is not None
    total = f"\ntotal: {quote.amounts.total}\n"
    assert total in (await run(f"gett-checkout show {DIGEST}"))[1]
    added = await night.checkout.add("item_tiramisu")
    assert "\ntotal: " not in (await run(f"gett-checkout show {DIGEST}"))[1]
    await night.checkout.remove(added.line_id)
    assert night.checkout.view.quote is None
    assert total in (await run(f"gett-checkout show {DIGEST}"))[1]  # agreed to for this order


# --- resolve --------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["--order-id ord_typo", "--not-placed"])
async def test_what_a_worker_found_meanwhile_stands(
    night: Night, run: Run, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    await night.lose()
    save, there = SQLiteStorage.save, asyncio.get_running_loop()

    async def second(self: SQLiteStorage, *args: Any, **kwargs: Any) -> int:
        monkeypatch.setattr(SQLiteStorage, "save", save)
        first = asyncio.run_coroutine_threadsafe(
            night.checkouts.reconcile(night.checkout.id), there
        )
        await asyncio.wrap_future(first)
        return await save(self, *args, **kwargs)

    monkeypatch.setattr(SQLiteStorage, "save", second)
    assert await run(f"gett-checkout resolve {DIGEST} {word} --force") == (
        1,
        "gett-checkout: nothing was stored: the checkout was changed meanwhile, look at it again "
        "with show\n",
    )
    shown = await parsed(run, f"show {DIGEST} --json")
    assert shown["order"]["order_id"] == night.sandbox.orders[0].order_id
    assert not {"duplicates", "resolution"} & shown.keys()


async def test_the_order_that_is_stored_is_printed(
    night: Night, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = await place_as_shown(night.checkout)
    resolve = Checkouts.resolve

    async def replaced(self: Checkouts, checkout_id: str, **word: Any) -> None:
        await resolve(self, checkout_id, **word)
        await resolve(self, checkout_id, order_id="ord_right", force=True)

    monkeypatch.setattr(Checkouts, "resolve", replaced)
    status, said = await run(f"gett-checkout resolve {DIGEST} --order-id {order.order_id}")
    assert status == 0
    assert "  resolved: placed, order ord_right, " in said


# --- find -----------------------------------------------------------------------------------------


async def test_a_name_of_several_is_refused(
    checkouts: Checkouts, storage: MemoryStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    for each in ("one", "two"):
        await checkouts.start(checkout_id=each)
    monkeypatch.setattr(search, "digest", lambda checkout_id: f"abcdef-{checkout_id}")
    with pytest.raises(InvalidInputError, match="several match: abcdef-one, abcdef-two"):
        await search.find(storage, "abcdef")
    assert await search.find(storage, "abcdef-two") == "two"


async def test_a_search_passes_over_what_cannot_be_read(
    checkouts: Checkouts, storage: MemoryStorage, clock: Clock
) -> None:
    later = clock() + timedelta(days=1)
    for name, data in (("damaged", b"order-1"), ("named", b"?")):
        await storage.save(name, data, expected_version=0, expires_at=later, due_at=None)
    checkout = await checkouts.start(metadata={"note": "order-1"})
    with pytest.raises(CheckoutNotFoundError):
        await search.find(storage, "order-1")
    assert [each.checkout_id async for each in search.states(storage)] == [checkout.id]


async def test_a_storage_that_cannot_be_scanned_says_so(
    checkouts: Checkouts, storage: MemoryStorage, sandbox: Sandbox
) -> None:
    class Plain:
        """A storage of somebody's own, without ``scan``."""

        load = storage.load
        save = storage.save
        delete = storage.delete
        due = storage.due

    checkout = await payable(checkouts)
    plain = Plain()
    with pytest.raises(CheckoutNotFoundError, match="this storage cannot search the rest"):
        await search.find(plain, digest(checkout.id))
    with pytest.raises(InvalidInputError, match="cannot list"):
        _ = [each async for each in search.states(plain)]
    await lose_order(checkout, sandbox)
    names = await storage.due(checkout._record.now().replace(year=2190), 9)

    async def due(now: datetime, limit: int) -> list[str]:
        return ["gone meanwhile", *names]

    plain.due = due  # type: ignore[method-assign]
    assert await search.find(plain, digest(checkout.id)) == checkout.id  # as it is unresolved


async def test_an_order_id_of_another_checkout_needs_force(night: Night, run: Run) -> None:
    order = await place_as_shown(night.checkout)
    other = await night.checkouts.start(checkout_id="other")
    await until_payable(other)
    status, said = await run(f"gett-checkout resolve other --order-id {order.order_id}")
    assert (status, said) == (
        1,
        f"gett-checkout: checkout {digest(night.checkout.id)} has this order (--force to continue)\n",
    )
    status, said = await run(f"gett-checkout resolve other --order-id {order.order_id} --force")
    assert status == 0


async def test_what_was_never_sent_is_not_called_not_placed(night: Night, run: Run) -> None:
    name = digest(night.checkout.id)
    said = f"{name}  no order in progress\n1 processed; open cases: 0\n"
    assert await run(f"gett-checkout reconcile --id {DIGEST}") == (0, said)
    _, listed = await run("gett-checkout list --stage place")
    assert listed.splitlines()[1].split()[-1] == "no"


async def test_an_error_is_json_where_json_is_asked_for(night: Night, run: Run) -> None:
    status, said = await run("gett-checkout show nobody --json")
    assert status == 1
    assert said.startswith('{\n  "error": "no stored checkout has this id')


async def test_forget_needs_force_for_what_is_unresolved(night: Night, run: Run) -> None:
    await night.lose()
    assert await run(f"gett-checkout forget {DIGEST}") == (
        1,
        "gett-checkout: it is unresolved: resolve it first, or use force=True (--force)\n",
    )
    assert (await run(f"gett-checkout resolve {DIGEST} --not-placed"))[0] == 1
    with pytest.raises(StepNotAllowedError):
        await night.checkouts.forget(night.checkout.id)
    assert (await run(f"gett-checkout forget {DIGEST} --force"))[0] == 0
