"""A storefront: one page, and the aiohttp.web backend under it, over the sandbox.

A person clicks through a checkout and sees beside it what the library does. It is a backend as a
partner would write one, on the public API alone; what is different is that it also shows the
requests that went to Gett, and turns the sandbox's switches, so that mishaps can be tried.

    gett-checkout demo --web

``backend`` has the options of the mounted endpoints and the shop's own ones, ``rehearsal`` the
sandbox's side, ``guard`` what every response has in common, ``serving`` puts them on a port.
"""

from gett_checkout._storefront.backend import open_backend
from gett_checkout._storefront.serving import PAGE, listening, open_storefront

__all__ = ["PAGE", "listening", "open_backend", "open_storefront"]
