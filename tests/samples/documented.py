"""Gett's error codes, typed by hand from the API's pages: all that says them again is compared with this.

The left half is Gett's word: the status, category, whether it may be repeated, whether it is reserved
(documented, and not sent yet). Where a page names no category (INVALID_REQUEST, the two MISSING_… and
502) the one that fits is ours. The right half is this library's: the class, the part of the order in
question, what to do next and with which reason, the event it amounts to in either case, and what it
says of an order that is sent for the first time, or again after an attempt without a response.
"""

# ruff: noqa: E501 - a table reads best as one

from __future__ import annotations

from typing import Final

from attrs import field, frozen

from gett_checkout import Stage

_TABLE: Final = """
# code                  http category       again reserved class                      part        next action                  while shopping      while placing       first      repeated
INVALID_REQUEST         400  validation     no    no       InvalidRequestError        integration contact_support(INTEGRATION) Objected            QuoteLost           not_placed refused
MISSING_IDEMPOTENCY_KEY 400  validation     no    no       MissingIdempotencyKeyError integration contact_support(INTEGRATION) Objected            QuoteLost           not_placed refused
MISSING_STORE_ID        400  validation     no    no       MissingStoreIdError        integration contact_support(INTEGRATION) Objected            QuoteLost           not_placed refused
ADDRESS_INVALID         400  validation     no    yes      AddressInvalidError        fulfillment choose_fulfillment           FulfillmentRejected FulfillmentRejected refused    refused
ADDRESS_OUT_OF_RANGE    400  validation     no    yes      AddressOutOfRangeError     fulfillment choose_fulfillment           FulfillmentRejected FulfillmentRejected refused    refused
CART_EMPTY              400  validation     no    yes      CartEmptyError             lines       add_items                    CartRejected        CartRejected        refused    refused
CATALOGSET_REQUIRED     400  validation     no    no       CatalogSetRequiredError    store       choose_store(itself)         StoreLost           StoreLost           refused    refused
MODIFIER_REQUIRED       400  validation     no    yes      ModifierRequiredError      lines       complete_modifiers           CartRejected        CartRejected        refused    refused
ORDER_BELOW_MINIMUM     400  validation     no    yes      OrderBelowMinimumError     lines       add_items                    CartRejected        CartRejected        refused    refused
ORDER_TOTAL_DIFFERENT   400  validation     no    no       OrderTotalDifferentError   quote       validate                     QuoteLost           QuoteLost           refused    refused
ITEM_UNAVAILABLE        400  availability   no    no       ItemUnavailableError       lines       fix_lines(itself)            CartRejected        CartRejected        refused    refused
STORE_CLOSED            400  availability   no    no       StoreClosedError           store       choose_store(itself)         StoreLost           StoreLost           refused    refused
PAYMENT_DECLINED        400  payment        no    no       PaymentDeclinedError       payment     choose_payment(itself)       PaymentRejected     PaymentRejected     refused    refused
PAYMENT_FAILED          400  payment        yes   no       PaymentFailedError         payment     choose_payment(itself)       PaymentRejected     PaymentRejected     try_again  try_again
PAYMENT_METHOD_INVALID  400  payment        no    yes      PaymentMethodInvalidError  payment     choose_payment(itself)       PaymentRejected     PaymentRejected     refused    refused
UNAUTHENTICATED         401  authentication no    no       UnauthenticatedError       integration contact_support(CREDENTIAL)  Objected            NotPlaced           not_placed unknown
SESSION_USER_REQUIRED   401  authentication no    no       SessionUserRequiredError   integration sign_in                      Objected            NotPlaced           not_placed unknown
FORBIDDEN               403  authorization  no    no       ForbiddenError             integration contact_support(PERMISSION)  Objected            NotPlaced           not_placed unknown
NOT_FOUND               404  not_found      no    no       NotFoundError              integration contact_support(INTEGRATION) Objected            NotPlaced           not_placed unknown
STORE_NOT_FOUND         404  not_found      no    no       StoreNotFoundError         store       choose_store(itself)         StoreLost           StoreLost           refused    refused
CATALOGSET_NOT_FOUND    404  not_found      no    no       CatalogSetNotFoundError    store       choose_store(itself)         StoreLost           StoreLost           refused    refused
CONFLICT                409  conflict       no    no       ConflictError              used        validate                     QuoteLost           QuoteLost           refused    exists
ORDER_ALREADY_PLACED    409  conflict       no    yes      OrderAlreadyPlacedError    used        contact_support(itself)      Objected            NotPlaced           exists     exists
VALIDATION_FAILED       422  validation     no    no       ValidationFailedError      integration contact_support(INTEGRATION) Objected            QuoteLost           not_placed refused
RATE_LIMITED            429  rate_limit     yes   no       RateLimitedError           service     wait                         Objected            NotPlaced           not_placed unknown
INTERNAL_ERROR          500  server_error   yes   no       InternalError              service     wait                         Objected            NotPlaced           unknown    unknown
BAD_GATEWAY             502  server_error   yes   no       BadGatewayError            service     wait                         Objected            NotPlaced           unknown    unknown
SERVICE_UNAVAILABLE     503  availability   yes   no       ServiceUnavailableError    service     wait                         Objected            NotPlaced           unknown    unknown
"""


def _is_yes(word: str) -> bool:
    return word == "yes"


@frozen
class Documented:
    """One row. ``reason`` is that of the next action: ``(itself)`` stands for the code.

    A 400 or 422 of a placement that blames nothing (``while_placing`` is QuoteLost, the part is the
    integration) may be about the token, unless that is fresh: then the price is asked again.
    """

    code: str
    status: int = field(converter=int)
    category: str
    retryable: bool = field(converter=_is_yes)
    reserved: bool = field(converter=_is_yes)
    error: str
    part: str
    action: str
    while_shopping: str
    while_placing: str
    first: str
    again: str

    @property
    def next_action(self) -> str:
        return self.action.partition("(")[0]

    @property
    def reason(self) -> str | None:
        reason = self.action.partition("(")[2].rstrip(")")
        return self.code if reason == "itself" else reason or None


DOCUMENTED: Final = {
    row.code: row for row in (Documented(*line.split()) for line in _TABLE.strip().splitlines()[1:])
}

# What an event puts in question, and the stage on which it lands while placing.
PARTS: Final = {
    "CartRejected": "lines",
    "StoreLost": "store",
    "FulfillmentRejected": "fulfillment",
    "PaymentRejected": "payment",
    "QuoteLost": "quote",
}
LANDINGS: Final = {
    "CartRejected": Stage.BROWSE,
    "StoreLost": Stage.BROWSE,
    "FulfillmentRejected": Stage.FULFILLMENT,
    "PaymentRejected": Stage.PAY,
    "QuoteLost": Stage.VALIDATE,
    "NotPlaced": Stage.PLACE,
}
