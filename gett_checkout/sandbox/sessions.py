"""The session operations: create a session, and tell it how the order will be fulfilled.

Docs: Session; Fulfillment. The fulfillment context belongs to one session: a session made to
upgrade another starts without one.
"""

from datetime import timedelta
from types import MappingProxyType
from typing import Any

from attrs import frozen

from .addresses import Address
from .calls import Call, Response, respond
from .credentials import Credentials, Session
from .documents import EMAIL, PHONE, Document
from .problems import instant, invalid
from .switches import Switches
from .wallet import Wallets

LONGEST_LIFE = timedelta(days=30)
"""How long a session lives by default, and at most. Docs: Session."""

MODES = MappingProxyType({"DeliveryByMerchant": "delivery", "Pickup": "pickup"})
"""The context's modes, and the fulfillment type each of them serves."""


@frozen
class Context:
    """How the orders of a session are fulfilled."""

    mode: str
    address: Address | None

    @property
    def fulfillment_type(self) -> str:
        """`delivery` or `pickup`."""
        return MODES[self.mode]

    def document(self) -> dict[str, Any]:
        """The context as the API writes it."""
        if self.address is None:
            return {"mode": self.mode}
        return {"mode": self.mode, "address": self.address.document()}


class Sessions:
    """Creates sessions and keeps each one's fulfillment context."""

    def __init__(self, credentials: Credentials, wallets: Wallets, switches: Switches) -> None:
        self._credentials = credentials
        self._wallets = wallets
        self._switches = switches
        self._contexts: dict[str, Context] = {}

    def create_session(self, call: Call) -> Response:
        """POST /session/create."""
        document = call.document() if call.content else Document({})
        email = _read_email(document)
        session = self._credentials.issue(email, self._life(document), call.at)
        return respond({"token": session.token, "expiresAt": instant(session.expires_at)}, 201)

    def set_fulfillment_context(self, call: Call) -> Response:
        """PUT /session/fulfillment-context."""
        if call.session is None:
            raise AssertionError("the operations table lets only sessions in")
        document = call.document()
        document.only("mode", "addressId", "address")
        mode = document.choice("mode", MODES)
        context = Context(mode, self._read_address(document, mode, call.session))
        if context.address is not None:
            context.address.check(self._switches)
        self._contexts[call.session.token] = context
        return respond(context.document())

    def context(self, session: Session) -> Context | None:
        """The fulfillment context of `session`, if it has one."""
        return self._contexts.get(session.token)

    def reset(self) -> None:
        """Forget every context."""
        self._contexts.clear()

    def _life(self, document: Document) -> timedelta:
        life = LONGEST_LIFE
        if "expirationSeconds" in document:
            longest = int(LONGEST_LIFE.total_seconds())
            life = timedelta(seconds=document.whole("expirationSeconds", 1, longest))
        if self._switches.session_seconds is not None:
            life = timedelta(seconds=self._switches.session_seconds)
        return life

    def _read_address(self, document: Document, mode: str, session: Session) -> Address | None:
        given = [name for name in ("address", "addressId") if name in document]
        expected = 1 if MODES[mode] == "delivery" else 0
        if len(given) != expected:
            message = "Delivery takes either an address or an addressId; pickup takes neither."
            raise invalid("$.address", "missing" if len(given) < expected else "ambiguous", message)
        if "address" in document:
            return Address.read(document.part("address"))
        return self._saved_address(document, session) if given else None

    def _saved_address(self, document: Document, session: Session) -> Address:
        address_id = document.text("addressId")
        owner = session.user_id
        address = None if owner is None else self._wallets.address(owner, address_id)
        if address is None:
            raise invalid("$.addressId", "unknown", "The session's user has no such address.")
        return address


def _read_email(document: Document) -> str | None:
    """The e-mail that makes the session an end user's. It never comes without a name."""
    document.only("partnerUserId", "email", "firstName", "lastName", "phone", "expirationSeconds")
    document.optional_text("partnerUserId")
    document.optional_text("phone", PHONE)
    if not any(name in document for name in ("email", "firstName", "lastName")):
        return None
    document.text("firstName")
    document.text("lastName")
    return document.text("email", EMAIL)
