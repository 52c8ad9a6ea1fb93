"""A framework-independent request and response."""

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
"""The maximum size of a body in bytes; a larger one raises `BodyTooLargeError`."""

_ALWAYS: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_NO_CONTENT: Final = 204


@frozen
class Request(Generic[R_co]):
    """A browser's request.

    ``path`` is the part after the prefix, decoded. Names in ``headers`` are in lower case. ``original``
    is the framework's own request, for `Options.identity` and `Options.messages`.
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
        """Make a request from raw headers, whose names may be in upper or lower case and may be repeated."""
        joined: dict[str, str] = {}
        for name, value in headers:
            key = name.lower()
            between = "; " if key == "cookie" else ", "
            joined[key] = joined[key] + between + value if key in joined else value
        return Request(original, method, path, joined, body, query)


@frozen
class Response:
    """The response to send back."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(default=b"", repr=False)

    @classmethod
    def of_json(cls, value: object, status: int, headers: Mapping[str, str]) -> Response:
        """Make a JSON response of a value that `jsonable` accepts, with more ``headers``."""
        body = json.dumps(value, default=jsonable).encode()
        own = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        return cls(status, {**_ALWAYS, **own, **headers}, body)

    @classmethod
    def of_options(cls, allowed: str) -> Response:
        """Make the response to OPTIONS: the methods, without permission for other origins."""
        return cls(_NO_CONTENT, {**_ALWAYS, "Allow": allowed})

    def without_body(self) -> Response:
        """Return the response to HEAD: the same headers, including the length, and no body."""
        return evolve(self, body=b"")


async def read_body(chunks: AsyncIterable[bytes]) -> bytes:
    """Read the body of a request; stop as soon as it is known to be too large."""
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > LARGEST_BODY:
            break
    return hidden(bytes(body[: LARGEST_BODY + 1]))
