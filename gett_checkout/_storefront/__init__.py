"""A storefront: one page, and the aiohttp.web backend under it, over the sandbox.

A person clicks through a checkout and sees beside it what the library does. The backend is written as
a partner would write it, on the public API alone. Unlike a partner's, it also shows the requests that
reached Gett, and flips the sandbox's switches to rehearse what can go wrong.

    gett-checkout demo --web

``backend`` configures the mounted endpoints and adds the shop's own, ``rehearsal`` controls the sandbox,
``guard`` protects every response, ``serving`` puts it all on a port.
"""

from gett_checkout._storefront.backend import open_backend
from gett_checkout._storefront.serving import PAGE, listening, open_storefront

__all__ = ["PAGE", "listening", "open_backend", "open_storefront"]
