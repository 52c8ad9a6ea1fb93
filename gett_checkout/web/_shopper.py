"""Whose a checkout is: it is opened for its own shopper."""

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
    """Open the checkout if it is this shopper's, who is named on it.

    Without a login its id is enough. With one, an anonymous cart becomes that of who signs
    in; what belongs to somebody is shown to nobody else, not to a browser they signed out of either.
    """
    checkout = await checkouts.open(checkout_id)
    known = checkout.identity
    if who == known:
        return checkout
    if who is None:
        if not page_names_shopper:
            raise IdentityRequiredError(
                "the checkout is somebody's who is signed out", next_action=SignIn()
            )
    elif known is None or page_names_shopper or _is_same(known, who):
        if checkout.view.editable:
            await checkout.identify(who)
    else:
        raise CheckoutNotFoundError("the checkout is somebody else's", next_action=StartOver())
    return checkout


def _is_same(known: Identity, who: Identity) -> bool:
    """Whether it is the same account, its e-mail changed perhaps."""
    return known.is_same_person(who) or (
        who.partner_user_id is not None and who.partner_user_id == known.partner_user_id
    )
