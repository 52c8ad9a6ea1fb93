"""Open a checkout for its own shopper only."""

from __future__ import annotations

from gett_checkout import (
    Checkout,
    CheckoutNotFoundError,
    Checkouts,
    Identity,
    IdentityRequiredError,
)
from gett_checkout.actions import SignIn, StartOver


async def open_for(
    checkouts: Checkouts, checkout_id: str | None, who: Identity | None, *, page_names_shopper: bool
) -> Checkout:
    """Open the checkout if it belongs to this shopper, and identify the shopper on it.

    Without a login its id is enough. With one, the shopper who signs in takes over an anonymous cart; an
    identified shopper's checkout is shown to nobody else, nor in a browser they signed out of.
    """
    checkout = await checkouts.open(checkout_id)
    known = checkout.identity
    if who == known:
        return checkout
    if who is None:
        if not page_names_shopper:
            raise IdentityRequiredError(
                "the checkout belongs to a shopper who is signed out", next_action=SignIn()
            )
    elif known is None or page_names_shopper or _is_same(known, who):
        if checkout.view.editable:
            await checkout.identify(who)
    else:
        raise CheckoutNotFoundError(
            "the checkout belongs to another shopper", next_action=StartOver()
        )
    return checkout


def require_shopper(checkout: Checkout, who: Identity | None) -> None:
    """Require that the checkout is that of ``who``, now and when the request's step begins.

    A page may name anybody, so only the signed-in shopper gets what Gett stores for them. Gett tells
    its end users apart by their e-mail address alone, and so does this. Raises `IdentityRequiredError`,
    also from the step.
    """

    def admits(known: Identity | None) -> bool:
        return who is not None and known is not None and known.is_same_person(who)

    if not admits(checkout.identity):
        raise IdentityRequiredError(
            "what a shopper stores at Gett needs the host's login: pass identity=",
            next_action=SignIn(),
        )
    checkout._admits = admits  # noqa: SLF001 - under the lock, too: requests may overtake each other


def _is_same(known: Identity, who: Identity) -> bool:
    """Whether both are the same account, even if its e-mail changed."""
    return known.is_same_person(who) or (
        who.partner_user_id is not None and who.partner_user_id == known.partner_user_id
    )
