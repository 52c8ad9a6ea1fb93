"""The steps as HTTP endpoints, independent of a framework; each adapter is a module of its own.

`gett_checkout.web.fastapi.checkout_router`, `gett_checkout.web.aiohttp.add_checkout_routes` and
`gett_checkout.web.asgi.CheckoutApp` each mount `CheckoutEndpoints` on their framework, with the same
`Options`. See docs/mount.md.
"""

from gett_checkout.web._bodies import Body
from gett_checkout.web._endpoints import CheckoutEndpoints, Options
from gett_checkout.web._exchange import LARGEST_BODY, Request, Response, read_body
from gett_checkout.web._guard import (
    BodyTooLargeError,
    MediaTypeError,
    MethodNotAllowedError,
    OtherOriginError,
    PathNotFoundError,
    RequestRejectedError,
    ShopperKnownError,
)
from gett_checkout.web._table import ENDPOINTS, Call, Endpoint

__all__ = [
    "ENDPOINTS",
    "LARGEST_BODY",
    "Body",
    "BodyTooLargeError",
    "Call",
    "CheckoutEndpoints",
    "Endpoint",
    "MediaTypeError",
    "MethodNotAllowedError",
    "Options",
    "OtherOriginError",
    "PathNotFoundError",
    "Request",
    "RequestRejectedError",
    "Response",
    "ShopperKnownError",
    "read_body",
]
