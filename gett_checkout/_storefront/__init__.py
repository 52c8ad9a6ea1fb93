"""A storefront: one page, and the aiohttp.web backend under it, over the sandbox.

A person clicks through a checkout and sees beside it what the library does. It is a backend as a
partner would write one, on the public API alone; what is different is that it also shows the
requests that went to Gett, and turns the sandbox's switches, so that mishaps can be tried.

    gett-checkout demo --web

``backend`` has the endpoints, ``steps`` what each step takes from the page, ``guard`` what every
answer has in common, ``rehearsal`` the sandbox's side, ``serving`` puts them on a port.
"""

from gett_checkout._storefront.backend import Storefront
from gett_checkout._storefront.rehearsal import Rehearsal
from gett_checkout._storefront.serving import open_storefront

__all__ = ["Rehearsal", "Storefront", "open_storefront"]
