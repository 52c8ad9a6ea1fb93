"""What a rehearsal can turn: how the sandbox behaves, changed at any time while it runs.

Everything is off by default, and the sandbox then behaves as the API's documentation says it
behaves today.
"""

from copy import deepcopy
from datetime import timedelta
from decimal import Decimal
from typing import Literal, get_args

from attrs import Factory, define, evolve, field, fields, frozen, validators

from . import operations

KeyPolicy = Literal["replay", "reject_other_body", "refuse_duplicates", "none"]
"""What a second request with a known `Idempotency-Key` gets.

- `replay`: the stored answer, whatever the body says. Docs: Idempotency-Key, "today".
- `reject_other_body`: the stored answer for the same bytes, 422 for others ("a future release").
- `refuse_duplicates`: 409 `CONFLICT`, even for the same bytes.
- `none`: the key means nothing; only the single-use order token stands against a second order.
"""

FaultKind = Literal[
    "drop_before",
    "drop_after",
    "error",
    "error_after",
    "html",
    "empty",
    "garbage",
    "delay",
    "hang",
]
"""How a request goes wrong.

- `drop_before`: the connection is dropped before any work.
- `drop_after`: the work is done (the order is made), then the connection is dropped.
- `error`: a problem document with the fault's `status` and `code`, before any work.
- `error_after`: the work is done, then that problem document is answered instead.
- `html`: a gateway's HTML page, 502 unless `status` says otherwise, before any work.
- `empty`: a status without a body, before any work.
- `garbage`: the work is done, then 200 with JSON that breaks off in the middle.
- `delay`: waits `seconds`, then works as usual, even when the client has gone by then.
- `hang`: no work and no answer, until the client goes away or the sandbox stops.
"""

FAULTY = ("*", *(row.name for row in operations.OPERATIONS))
"""What may be faulty: any operation, or one of them."""

SANDBOX_RATE_LIMITS = {"reads": 5000, "writes": 500, "discovery": 300}
"""Requests per minute. Docs: Rate limits (the sandbox's are five times production's)."""

SANDBOX_WEBHOOK_SECRET = "whsec_sandbox_only_for_rehearsals"  # noqa: S105 - and so no secret


@frozen
class Fault:
    """One planned mishap of `operation` (`*`: of any), for `times` requests after `after` others.

    Operations have the names of `gett_checkout.operations.OPERATIONS`; what each `kind` does, the page
    on the sandbox says. `ValueError` for one that there is not.
    Without a `status`, the documented one of `code` is answered, or 500 when there is no code;
    without a `code`, the usual code of `status`. `names` are the JSON paths that `errors[]` names.
    """

    operation: str = field(validator=validators.in_(FAULTY))
    kind: FaultKind = field(validator=validators.in_(get_args(FaultKind)))
    times: int = field(default=1, validator=validators.ge(1))
    status: int | None = None
    code: str | None = None
    after: int = field(default=0, validator=validators.ge(0))
    seconds: float = 0.0
    retry_after: int | None = None
    retryable: bool | None = None
    names: tuple[str, ...] = ()

    def concerns(self, operation: str) -> bool:
        """Whether the fault is planned for `operation`."""
        return self.operation in ("*", operation)


@define
class Switches:
    """How the sandbox behaves; set a member and the next request sees it."""

    reserved_codes: set[str] = Factory(set)
    """Reserved error codes that are emitted all the same. Docs: Errors, column "reserved"."""

    key_policy: KeyPolicy = "replay"
    """What a second request with the same `Idempotency-Key` gets."""

    cache_errors: bool = False
    """Whether a refusal that is not retryable is stored under the key, as an order is."""

    faults: list[Fault] = Factory(list)
    """Planned mishaps, used up as requests meet them."""

    fulfillment_modes: bool = False
    """Want an order's mode as its `fulfillmentType`: ``DeliveryByMerchant`` or ``Pickup``."""

    minimum_for_deliveries: bool = False
    """Whether the minimum, once its reserved code is on, holds for deliveries only."""

    price_change: Decimal = Decimal("0.00")
    """Added to the fees of everything priced from now on."""

    closed_stores: set[str] = Factory(set)
    """Stores that have closed, whatever their published hours say."""

    sold_out: set[str] = Factory(set)
    """Items that ran out; a catalog set is immutable, so only validate and place know."""

    off_menu: set[str] = Factory(set)
    """Items, choices and modifier groups that restaurants took off their menus: each that had one sells
    from a new catalog set, and the old one is CATALOGSET_NOT_FOUND."""

    rate_limits: dict[str, int] | None = Factory(lambda: dict(SANDBOX_RATE_LIMITS))
    """Requests per window and bucket (`reads`, `writes`, `discovery`); `None` limits nothing."""

    rate_window: int = 60
    """How long a rate-limit window is, in seconds: Gett's minute, or less to wait less for the next."""

    quote_seconds: int = int(timedelta(minutes=15).total_seconds())
    """How long a `validatedOrderToken` lives. Docs: Validate and place."""

    session_seconds: int | None = None
    """When set, the life of every new session, whatever the request asks for."""

    reject_end_users: bool = False
    """Wrongly answer 401 `SESSION_USER_REQUIRED` to end-user tokens."""

    opaque_tokens: bool = False
    """Issue `gett_sess_…` session tokens, as older documentation shows them, instead of JWTs."""

    webhook_url: str | None = None
    """Where order events are posted; none are made while it is `None`. Docs: Webhooks."""

    webhook_secret: str = field(default=SANDBOX_WEBHOOK_SECRET, repr=False)
    """The key of the events' signatures."""

    def fail(
        self,
        operation: str,
        kind: FaultKind,
        *,
        times: int = 1,
        status: int | None = None,
        code: str | None = None,
        after: int = 0,
        seconds: float = 0.0,
        retry_after: int | None = None,
        retryable: bool | None = None,
        names: tuple[str, ...] = (),
    ) -> Fault:
        """Plan a `Fault` of an operation: `switches.fail("place_order", "drop_after", times=2)`."""
        fault = Fault(
            operation, kind, times, status, code, after, seconds, retry_after, retryable, names
        )
        self.faults.append(fault)
        return fault

    def take(self, operation: str) -> Fault | None:
        """Use up and return the fault this request of `operation` meets, if any."""
        met: Fault | None = None
        waiting: list[Fault] = []
        for fault in self.faults:
            if not fault.concerns(operation):
                waiting.append(fault)
            elif fault.after:
                waiting.append(evolve(fault, after=fault.after - 1))
            elif met is not None:
                waiting.append(fault)
            else:
                met = fault
                if fault.times > 1:
                    waiting.append(evolve(fault, times=fault.times - 1))
        self.faults[:] = waiting
        return met

    def reset(self, to: "Switches | None" = None) -> None:
        """Turn everything back in place: to the defaults, or to how `to` is set."""
        fresh = Switches() if to is None else deepcopy(to)
        for switch in fields(Switches):
            setattr(self, switch.name, getattr(fresh, switch.name))
