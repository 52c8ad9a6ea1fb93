"""One address before several workers: every step goes to another worker than the last one.

It stores nothing and knows nothing of checkouts; nginx or a platform's router would do as well.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import cycle, islice

import aiohttp
from aiohttp import web
from multidict import CIMultiDict

from gett_checkout._storefront import listening

# Of the connection, not of the message (RFC 9110, 7.6.1).
_HOP_BY_HOP = ("Connection", "Keep-Alive", "Transfer-Encoding", "Content-Length")


class Balancer:
    """Passes requests on to the workers in turn."""

    def __init__(self, workers: Sequence[str], http: aiohttp.ClientSession) -> None:
        self._http = http
        self._workers = len(workers)
        # A step is a request that is no GET. The page looks again after each: in one circle with
        # the looks, with two workers, every step would come to the same one.
        self._steps, self._looks = cycle(workers), cycle(workers)

    async def serve(self, request: web.Request) -> web.Response:
        """Pass one request on; a worker that is gone is passed over, with nothing sent to it."""
        circle = self._looks if request.method == "GET" else self._steps
        body = await request.read()
        for worker in islice(circle, self._workers):
            try:
                async with self._http.request(
                    request.method,
                    worker + request.raw_path,
                    headers=_end_to_end(request.headers),
                    data=body or None,
                    allow_redirects=False,
                ) as response:
                    return web.Response(
                        status=response.status,
                        body=await response.read(),
                        headers=_end_to_end(response.headers),
                    )
            except aiohttp.ClientConnectorError:
                continue
        raise web.HTTPServiceUnavailable(text="No worker is available.")


@asynccontextmanager
async def balancing(workers: Sequence[str], port: int) -> AsyncIterator[str]:
    """Serve on loopback within the block; gives the URL."""
    async with aiohttp.ClientSession(
        auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()
    ) as http:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", Balancer(workers, http).serve)
        async with listening(app, port) as url:
            yield url


def _end_to_end(headers: Mapping[str, str]) -> CIMultiDict[str]:
    passed_on = CIMultiDict(headers)
    for name in _HOP_BY_HOP:
        passed_on.popall(name, None)
    return passed_on
