"""A request and a response of any framework, as values."""

from __future__ import annotations

import json
from collections.abc import AsyncIterable, Iterable, Mapping
from typing import Final, Generic, TypeVar

from attrs import evolve, field, frozen

from gett_checkout import jsonable
from gett_checkout._hidden import hidden

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

LARGEST_BODY: Final = 64 * 1024
"""The most bytes a body may have; a larger one is `BodyTooLargeError`."""

_ALWAYS: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_NO_CONTENT: Final = 204


@frozen
class Request(Generic[R_co]):
    """What a browser sent.

    ``path`` is what comes behind the prefix, decoded. Names in ``headers`` are in lower case.
    ``original`` is the framework's own request, for `Options.identity` and `Options.messages`.
    """

    original: R_co = field(repr=False)
    method: str
    path: str
    headers: Mapping[str, str] = field(factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False, converter=hidden)
    query: str = field(default="", repr=False)

    @staticmethod
    def of(
        original: R,
        method: str,
        path: str,
        headers: Iterable[tuple[str, str]],
        body: bytes,
        query: str,
    ) -> Request[R]:
        """Make a request of headers as they came: in any case, some more than once."""
        joined: dict[str, str] = {}
        for name, value in headers:
            key = name.lower()
            between = "; " if key == "cookie" else ", "
            joined[key] = joined[key] + between + value if key in joined else value
        return Request(original, method, path, joined, body, query)


@frozen
class Response:
    """What to send back."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(default=b"", repr=False)

    @classmethod
    def of_json(cls, value: object, status: int, headers: Mapping[str, str]) -> Response:
        """Make a response of JSON, and of what `jsonable` knows; ``headers`` are its own."""
        body = json.dumps(value, default=jsonable).encode()
        own = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        return cls(status, {**_ALWAYS, **own, **headers}, body)

    @classmethod
    def of_options(cls, allowed: str) -> Response:
        """Make the response to OPTIONS: the methods, and no permission for another origin."""
        return cls(_NO_CONTENT, {**_ALWAYS, "Allow": allowed})

    def without_body(self) -> Response:
        """The response to HEAD: the same, its length too, and no body."""
        return evolve(self, body=b"")


async def read_body(chunks: AsyncIterable[bytes]) -> bytes:
    """The body of a request; of one that is too large, just enough to tell that it is."""
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > LARGEST_BODY:
            break
    return hidden(bytes(body[: LARGEST_BODY + 1]))
