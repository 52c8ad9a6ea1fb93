"""Backends as real processes over a sandbox process, and a shopper who uses them."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import cycle
from pathlib import Path
from typing import Any, Self, TypeVar

import aiohttp
from attrs import define, field, frozen

from gett_checkout.sandbox.credentials import SANDBOX_API_KEY
from tests.acceptance.telling_workers import TOLD_APP, WORKER
from tests.servers import free_port

T = TypeVar("T")

FRAMEWORKS = ("fastapi", "aiohttp")
WEBHOOK_SECRET = "whsec_of_the_example_tests"  # a rehearsal's
CARD_TOKEN = "tok_nobody_may_see"
EMAIL = "jane.doe@example.com"
PHONE = "+12125550123"
ROOT = Path(__file__).parents[2]
PATIENCE = 120.0  # other work may keep the machine busy


class Process:
    """A server process with its log, known by its own pid; gone at the end."""

    def __init__(self, folder: Path, module: str, *arguments: str, port: int, **env: str) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.log = folder / f"{port}.log"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                env={**os.environ, **env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def wait(self) -> None:
        """Come back when it answers."""
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.end()
                raise RuntimeError(self.log.read_text(errors="replace"))
            time.sleep(0.02)  # between two attempts to connect

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/checkout", timeout=PATIENCE):
                return True
        except urllib.error.HTTPError as error:
            error.close()
            return True  # it answers, whatever it says
        except OSError:
            return False

    def end(self) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE)


@frozen
class Rehearsal:
    """The sandbox, asked and turned over HTTP."""

    http: aiohttp.ClientSession
    url: str

    async def ask(self, path: str) -> Any:
        async with self.http.get(f"{self.url}/_sandbox{path}") as answer:
            return await answer.json()

    async def turn(self, method: str, path: str, **document: Any) -> None:
        async with self.http.request(method, f"{self.url}/_sandbox{path}", json=document) as answer:
            assert answer.status < 300, await answer.text()

    async def fail(self, kind: str, **rest: Any) -> None:
        """The next placement meets with a mishap."""
        await self.turn("POST", "/faults", operation="place_order", kind=kind, **rest)

    async def orders(self) -> list[Any]:
        orders: list[Any] = (await self.ask("/orders"))["orders"]
        return orders

    async def levels(self) -> list[str]:
        """The sessions opened."""
        return [each["level"] for each in (await self.ask("/sessions"))["sessions"]]

    async def count(self, operation: str) -> int:
        seen = (await self.ask("/requests"))["requests"]
        return sum(each["operation"] == operation for each in seen)


@define
class Answered:
    """One answer of the backend."""

    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def code(self) -> str:
        """Of a problem document, which it must be."""
        assert self.headers["Content-Type"].startswith("application/problem+json"), self
        assert self.body["status"] == self.status
        return str(self.body["code"])


@define
class Way:
    """A connection to one worker; ``worker`` is its pid, if it tells."""

    http: aiohttp.ClientSession
    url: str
    worker: str | None = None


@define
class Shopper:
    """A scripted client that goes to another worker with every request."""

    ways: Sequence[Way]
    said: list[str] = field(factory=list)
    _turn: Any = None

    def __attrs_post_init__(self) -> None:
        self._turn = cycle(self.ways)

    @classmethod
    @asynccontextmanager
    async def at(cls, *urls: str) -> AsyncIterator[Self]:
        """A shopper of workers that each have an address of their own."""
        async with AsyncExitStack() as stack:
            jar = _jar(*urls)
            https = [await stack.enter_async_context(_session(jar)) for _ in urls]
            yield cls([await _way(http, url) for http, url in zip(https, urls, strict=True)])

    @classmethod
    @asynccontextmanager
    async def of_both_workers(cls, url: str) -> AsyncIterator[Self]:
        """A shopper with a connection to each of the two workers behind one address."""
        async with AsyncExitStack() as stack:
            jar = _jar(url)
            ways: dict[str, Way] = {}
            async with asyncio.timeout(PATIENCE):
                while len(ways) < 2:
                    https = [await stack.enter_async_context(_session(jar)) for _ in range(8)]
                    for way in await asyncio.gather(*(_way(http, url) for http in https)):
                        ways.setdefault(str(way.worker), way)
            yield cls(list(ways.values()))

    async def call(self, method: str, path: str, **body: Any) -> Answered:
        """One request, to another worker than the last one."""
        return await self.call_at(next(self._turn), method, path, **body)

    async def call_at(self, way: Way, method: str, path: str, **body: Any) -> Answered:
        """One request to this worker."""
        sent = body if method not in ("GET", "DELETE") else None
        async with way.http.request(method, f"{way.url}{path}", json=sent) as answer:
            text = await answer.text()
            self.said.append(text)
            assert answer.headers.get(WORKER) == way.worker
            return Answered(answer.status, json.loads(text), answer.headers)

    async def does(self, method: str, path: str, **body: Any) -> Any:
        """A step that is to succeed; what the backend answers."""
        answered = await self.call(method, path, **body)
        assert answered.status < 300, answered
        return answered.body

    async def is_refused(self, code: str, method: str, path: str, **body: Any) -> Answered:
        """A step that is to be refused with this code."""
        answered = await self.call(method, path, **body)
        assert answered.code == code, answered
        return answered

    def cookie(self) -> str:
        """The secret id of the checkout."""
        (cookie,) = self.ways[0].http.cookie_jar
        return cookie.value

    async def until_priced(self) -> Any:
        """A cart of exactly the minimum, an address and a price."""
        await self.does("POST", "/checkout")
        await self.does("PUT", "/checkout/store", store_id="store_bella_napoli")
        size = {"group_pizza_size": ["item_size_regular"]}
        await self.does("POST", "/checkout/lines", item_id="item_margherita", modifiers=size)
        await self.does("POST", "/checkout/lines", item_id="item_garlic_bread")
        await self.does("PUT", "/checkout/fulfillment", type="delivery", address=HOME)
        return await self.does("POST", "/checkout/quote", tip="3.00")

    async def until_payable(self, card_token: str = CARD_TOKEN) -> str:
        """Everything but the order; the total on the button."""
        await self.until_priced()
        await self.signs_in()
        view = await self.pays(card_token)
        assert view["stage"] == "place"
        return str(view["quote"]["amounts"]["total"])

    async def signs_in(self) -> None:
        identity = {"email": EMAIL, "first_name": "Jane", "last_name": "Doe", "phone": PHONE}
        await self.does("PUT", "/checkout/identity", **identity)

    async def pays(self, card_token: str = CARD_TOKEN) -> Any:
        return await self.does("PUT", "/checkout/payment", **card(card_token))


HOME = {"address1": "350 5th Ave", "city": "New York", "state": "NY", "postal_code": "10118"}


async def until(check: Callable[[], Awaitable[T]]) -> T:
    """Ask until the answer is a yes, in some form."""
    async with asyncio.timeout(PATIENCE):
        while True:
            if found := await check():
                return found
            await asyncio.sleep(0.01)  # the answer is another process's


def card(token: str = CARD_TOKEN) -> dict[str, str]:
    return {"kind": "card_on_file", "card_token": token, "processor_type": "stripe"}


def secrets_in(text: str, checkout_id: str) -> list[str]:
    """The secrets that a text shows; ``eyJ`` is how a session token, a JWT, begins."""
    secrets = (SANDBOX_API_KEY, WEBHOOK_SECRET, CARD_TOKEN, EMAIL, PHONE, checkout_id, "eyJ")
    return [secret for secret in secrets if secret in text]


class Shops:
    """Both backends: each as two workers with a port of their own, and with two behind one port."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        port = free_port()
        module, arguments = "gett_checkout", ("sandbox", "--port", str(port))
        self.sandbox = Process(folder, module, *arguments, port=port)
        self.pairs = {each: self.pair(each, f"sqlite:///{folder}/{each}") for each in FRAMEWORKS}
        self.served = {each: self._serve(each) for each in FRAMEWORKS}

    def start(self) -> None:
        for process in self._processes():
            process.wait()

    def end(self) -> None:
        for process in self._processes():
            process.end()

    def logs(self) -> str:
        return "".join(process.log.read_text() for process in self._processes()[1:])

    def pair(self, framework: str, storage: str, **more: str) -> tuple[Process, Process]:
        """Two workers over one storage, starting."""
        environment = self.environment(storage, reconcile_every="3600") | more
        app = f"examples.{framework}_backend.app:create_app"
        first, second = (served(self.folder, framework, app, 1, **environment) for _ in range(2))
        return first, second

    def _serve(self, framework: str) -> Process:
        storage = f"sqlite:///{self.folder}/{framework}-served"
        environment = self.environment(storage, reconcile_every="0.2")
        app = f"examples.{framework}_backend.app:create_app"
        return served(self.folder, framework, app, 2, **environment)

    def environment(self, storage: str, *, reconcile_every: str) -> dict[str, str]:
        return {
            "GETT_API_KEY": SANDBOX_API_KEY,
            "GETT_BASE_URL": self.sandbox.url,
            "GETT_STORAGE": storage,
            "GETT_WEBHOOK_SECRET": WEBHOOK_SECRET,
            "GETT_TIMEOUT": "3",  # a killed worker's lease ends five seconds later
            "GETT_RETRY_BUDGET": "0.5",  # less than the first wait: a lost answer is said at once
            "GETT_RECONCILE_EVERY": reconcile_every,
            "INSECURE_COOKIE": "1",
        }

    def _processes(self) -> list[Process]:
        pairs = [process for pair in self.pairs.values() for process in pair]
        return [self.sandbox, *pairs, *self.served.values()]


def served(folder: Path, framework: str, app: str, workers: int, **environment: str) -> Process:
    """An app served by that many workers behind one port, starting; each tells its name."""
    port = free_port()
    telling = f"tests.acceptance.telling_workers:{framework}_app"
    # On a busy machine a worker that is slow to say that it lives is not to be killed.
    arguments = {
        "fastapi": (
            *("uvicorn", "--factory", telling, "--port", str(port), "--workers", str(workers)),
            *("--timeout-keep-alive", "120", "--timeout-worker-healthcheck", "120"),
        ),
        "aiohttp": (
            *("gunicorn", f"{telling}()", "--bind", f"127.0.0.1:{port}", "--workers", str(workers)),
            *("--worker-class", "aiohttp.GunicornWebWorker", "--timeout", "120"),
            *("--keep-alive", "120", "--no-control-socket"),
        ),
    }[framework]
    path = os.pathsep.join((str(ROOT), str(folder)))
    environment = {"PYTHONPATH": path, TOLD_APP: app, **environment}
    return Process(folder, *arguments, port=port, **environment)


def _jar(*urls: str) -> aiohttp.CookieJar:
    """A jar that stores cookies of an IP address, and takes plain HTTP for HTTPS."""
    return aiohttp.CookieJar(unsafe=True, treat_as_secure_origin=[*urls])


def _session(jar: aiohttp.CookieJar) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        cookie_jar=jar,
        connector=aiohttp.TCPConnector(limit=1),
        timeout=aiohttp.ClientTimeout(PATIENCE),
    )


async def _way(http: aiohttp.ClientSession, url: str) -> Way:
    async with http.get(f"{url}/checkout") as answer:
        await answer.read()
        return Way(http, url, answer.headers[WORKER])
