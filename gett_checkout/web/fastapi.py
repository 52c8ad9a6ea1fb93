"""The checkout's endpoints as a FastAPI router, with an OpenAPI description. Extra: ``fastapi``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Unpack

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from gett_checkout import Checkouts, web
from gett_checkout.web import CheckoutEndpoints, Options, _openapi, read_body

__all__ = ["checkout_router"]

_ANY = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]


def checkout_router(
    checkouts: Checkouts | Callable[[Request], Checkouts], **options: Unpack[Options[Request]]
) -> APIRouter:
    """Make a router of the checkout's endpoints; include it with a ``prefix``, after routes of your own.

    ``checkouts`` is the worker's `Checkouts`, or a function that returns it for a request. The keyword
    arguments are `gett_checkout.web.Options`; their functions receive the ``fastapi.Request``.
    """
    endpoints = CheckoutEndpoints(checkouts, passes=(HTTPException,), **options)

    def at(path: str) -> Callable[[Request], Awaitable[Response]]:
        async def handle(request: Request) -> Response:
            below = path.format(**request.path_params)
            try:
                body = await read_body(request.stream())
            except ClientDisconnect:
                return Response(status_code=400)  # nobody receives it
            query = request.scope.get("query_string", b"").decode("latin-1")
            response = await endpoints.handle(
                web.Request.of(request, request.method, below, request.headers.items(), body, query)
            )
            return Response(response.body, response.status, response.headers)

        return handle

    router = APIRouter(tags=["checkout"])
    for each in endpoints.table:
        described = {"response_class": Response, **_openapi.described(each)}
        router.add_api_route(each.path, at(each.path), methods=[each.method], **described)
    # Other paths and methods, and HEAD, get a problem document too.
    for path, below in (("", ""), ("/{rest:path}", "/{rest}")):
        router.add_api_route(path, at(below), methods=_ANY, include_in_schema=False)
    return router
