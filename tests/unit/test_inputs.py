"""JSON both ways: what a page sends becomes the steps' values or is refused, and values become JSON."""

from __future__ import annotations

import inspect
import json
import pickle
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest
from attrs import fields, has
from hypothesis import given
from hypothesis import strategies as st

import gett_checkout as public
from gett_checkout import (
    Address,
    Amounts,
    CardOnFile,
    Contact,
    Delivery,
    GettPayment,
    Identity,
    InvalidInputError,
    Item,
    Level,
    NewCard,
    Pickup,
    SavedCard,
    Stage,
    actions,
    catalog,
    jsonable,
    operations,
    parse_contact,
    parse_fulfillment,
    parse_identity,
    parse_payment,
    storage,
    views,
    webhooks,
)
from gett_checkout._core.cart import Modifier, read_modifiers
from gett_checkout._core.view import StoreView, view_of
from gett_checkout.catalog import Section, StoreAddress, Window
from gett_checkout.errors import pointer_to
from gett_checkout.messages import Text
from gett_checkout.operations import RateLimit
from gett_checkout.storage import Stored
from gett_checkout.views import (
    Charge,
    Choice,
    GroupChoice,
    LineView,
    PaymentView,
    PlacementView,
    RecipientView,
    SessionView,
    Suggestion,
)
from gett_checkout.webhooks import OrderEvent, Refund
from tests.samples.states import HOME, INCOMPLETE, MENU, NOW, RECIPIENT, SECRETS, STORE, state_at

STREET = {"address1": "1 Main St", "city": "Springfield", "state": "IL", "postal_code": "62701"}
ADA = {"email": "ada@example.com", "first_name": "Ada", "last_name": "Lovelace"}
GRACE = {"first_name": "Grace", "last_name": "Hopper", "phone": "+12125550177"}
TOKEN = {"kind": "card_on_file", "card_token": "tok_1", "processor_type": "stripe"}

Read = Callable[[object], object]


# --- in -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("read", "members", "value"),
    [
        (parse_fulfillment, {"type": "pickup"}, Pickup()),
        (parse_fulfillment, {"type": "delivery", "address": STREET}, HOME),
        (
            parse_fulfillment,
            {"type": "delivery", "address": {**STREET, "address2": "Apt 4"}, "address_id": None},
            Delivery(Address(**STREET, address2="Apt 4")),
        ),
        (
            parse_fulfillment,
            {"type": "delivery", "address": None, "address_id": "addr-1"},
            Delivery(address_id="addr-1"),
        ),
        (parse_identity, ADA, Identity(**ADA)),
        (parse_identity, {**ADA, "phone": None}, Identity(**ADA)),
        (
            parse_identity,
            {**ADA, "phone": "+12125550123", "partner_user_id": "user-1"},
            Identity(**ADA, phone="+12125550123", partner_user_id="user-1"),
        ),
        (parse_contact, GRACE, Contact(**GRACE)),
        (parse_contact, {**GRACE, "email": None}, Contact(**GRACE)),
        (
            parse_contact,
            {**GRACE, "email": "grace@example.com"},
            Contact(**GRACE, email="grace@example.com"),
        ),
        (parse_payment, TOKEN, CardOnFile("tok_1", "stripe")),
        (
            parse_payment,
            {**TOKEN, "card_type": "American Express", "last_four": "0005"},
            CardOnFile("tok_1", "stripe", "American Express", "0005"),
        ),
        (parse_payment, {"kind": "saved_card", "payment_id": "pay-1"}, SavedCard("pay-1")),
        (parse_payment, {"kind": "gett_payment"}, GettPayment()),
    ],
)
def test_what_a_page_sends_becomes_a_value(
    read: Read, members: dict[str, Any], value: object
) -> None:
    before = json.dumps(members)
    assert read(members) == value
    assert json.dumps(members) == before  # the caller's own is left as it was


@pytest.mark.parametrize(
    ("read", "members", "said"),
    [
        *(
            (read, members, f"{what} must be a JSON object")
            for read, what in [
                (parse_fulfillment, "a fulfillment"),
                (parse_identity, "an identity"),
                (parse_contact, "a contact"),
                (parse_payment, "a payment"),
            ]
            for members in (None, [], "pickup", 7, [["type", "pickup"]])
        ),
        (parse_fulfillment, {}, "type must be one of delivery, pickup"),
        (parse_fulfillment, {"type": "drone"}, "type must be one of"),
        (parse_fulfillment, {"type": ["pickup"]}, "type must be one of"),
        (parse_fulfillment, {"type": "Pickup"}, "type must be one of"),
        (parse_fulfillment, {"type": "pickup", "address": STREET}, "no member 'address'"),
        (parse_fulfillment, {"type": "pickup", 7: 7}, "no member 7"),
        (parse_fulfillment, {"type": "delivery"}, "either an address or an address_id"),
        (
            parse_fulfillment,
            {"type": "delivery", "address": STREET, "address_id": "a"},
            "either an address or an address_id",
        ),
        (parse_fulfillment, {"type": "delivery", "address_id": 7}, "address_id must be a string"),
        (parse_fulfillment, {"type": "delivery", "adress": STREET}, "no member 'adress'"),
        (parse_fulfillment, {"type": "delivery", "address": "1 Main St"}, "must be a JSON object"),
        (parse_fulfillment, {"type": "delivery", "address": {}}, "needs address1"),
        *(
            (
                parse_fulfillment,
                {"type": "delivery", "address": {**STREET, name: value}},
                f"needs {name}",
            )
            for name in STREET
            for value in (None, "", "  ", 7, ["x"])
        ),
        (
            parse_fulfillment,
            {"type": "delivery", "address": {**STREET, "address2": 4}},
            "address2 must be a string",
        ),
        (
            parse_fulfillment,
            {"type": "delivery", "address": {**STREET, "zip": "1"}},
            "member 'zip'",
        ),
        (parse_identity, {}, "needs email"),
        (parse_identity, {**ADA, "last_name": None}, "needs last_name"),
        (parse_identity, {**ADA, "email": "ada"}, "invalid e-mail address"),
        (parse_identity, {**ADA, "email": 7}, "email is missing"),
        (parse_identity, {**ADA, "phone": "555-0123"}, "E.164"),
        (parse_identity, {**ADA, "phone": 12125550123}, "E.164"),
        (parse_identity, {**ADA, "partner_user_id": 7}, "partner_user_id must be a string"),
        (parse_identity, {**ADA, "admin": True}, "no member 'admin'"),
        (parse_contact, {}, "needs first_name"),
        (parse_contact, {**GRACE, "first_name": "  "}, "first_name is missing"),
        (parse_contact, {**GRACE, "phone": ""}, "phone is missing"),
        (parse_contact, {**GRACE, "phone": "212-555-0177"}, "E.164"),
        (parse_contact, {**GRACE, "email": "grace"}, "invalid e-mail address"),
        (parse_contact, {**GRACE, "email": ""}, "invalid e-mail address"),
        (parse_contact, {**GRACE, "partner_user_id": "7"}, "no member 'partner_user_id'"),
        (parse_payment, {}, "kind must be one of card_on_file, saved_card, gett_payment"),
        (parse_payment, {"kind": "cash"}, "kind must be one of"),
        (parse_payment, {"kind": None}, "kind must be one of"),
        (parse_payment, {"kind": "card_on_file", "card_token": "tok_1"}, "needs processor_type"),
        (parse_payment, {**TOKEN, "card_token": ""}, "needs a card_token"),
        (parse_payment, {**TOKEN, "card_token": 7}, "needs a card_token"),
        (parse_payment, {**TOKEN, "processor_type": ["stripe"]}, "and a processor_type"),
        (parse_payment, {**TOKEN, "number": "4242424242424242"}, "no member 'number'"),
        (parse_payment, {**TOKEN, "last_four": "4242424242424242"}, "and no more"),
        (parse_payment, {**TOKEN, "last_four": 4242}, "and no more"),
        (parse_payment, {**TOKEN, "card_type": "4242424242424242"}, "without digits"),
        (parse_payment, {**TOKEN, "card_type": "visa 4242"}, "without digits"),
        (parse_payment, {"kind": "saved_card"}, "needs payment_id"),
        (parse_payment, {"kind": "saved_card", "payment_id": 7}, "needs a payment_id"),
        (parse_payment, {"kind": "gett_payment", "payment_id": "p"}, "no member 'payment_id'"),
    ],
)
def test_what_cannot_be_right_is_refused_without_repeating_it(
    read: Read, members: Any, said: str
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        read(members)
    assert said in str(caught.value)
    told = json.dumps(caught.value.to_problem())
    for name, value in members.items() if isinstance(members, Mapping) else ():
        if isinstance(value, str) and len(value) > 3 and name not in ("type", "kind"):
            assert value not in told


WRONG_FIELDS: list[tuple[Read, dict[str, Any], dict[str, str]]] = [
    (parse_identity, {}, {"/email": "missing", "/first_name": "missing", "/last_name": "missing"}),
    (
        parse_identity,
        {"email": "jane", "first_name": " ", "last_name": "Doe", "phone": "0123", "age": 7},
        {"/age": "unknown", "/email": "invalid", "/first_name": "missing", "/phone": "invalid"},
    ),
    (parse_contact, {}, {"/first_name": "missing", "/last_name": "missing", "/phone": "missing"}),
    (
        parse_contact,
        {"first_name": 7, "last_name": "Hopper", "phone": "0123", "email": "@", "age": 7},
        {"/age": "unknown", "/first_name": "invalid", "/phone": "invalid", "/email": "invalid"},
    ),
    (parse_identity, {**ADA, "a/b~c": 1}, {"/a~1b~0c": "unknown"}),
    (parse_fulfillment, {}, {"/type": "missing"}),
    (parse_fulfillment, {"type": "drone"}, {"/type": "invalid"}),
    (parse_fulfillment, {"type": "pickup", "address": None}, {"/address": "unknown"}),
    (parse_fulfillment, {"type": "delivery"}, {"/address": "missing"}),
    (parse_fulfillment, {"type": "delivery", "address": "here"}, {"/address": "invalid"}),
    (
        parse_fulfillment,
        {"type": "delivery", "address_id": 7, "address": {"address1": "", "city": 7, "zip": "1"}},
        {
            "/address/zip": "unknown", "/address/address1": "missing", "/address/city": "invalid",
            "/address/state": "missing", "/address/postal_code": "missing", "/address_id": "invalid",
        },
    ),
    (parse_payment, {"kind": "card_on_file"}, {"/card_token": "missing", "/processor_type": "missing"}),
    (
        parse_payment,
        {"kind": "card_on_file", "card_token": "t", "processor_type": "", "last_four": "12345"},
        {"/processor_type": "missing", "/last_four": "invalid"},
    ),
    (parse_payment, {"kind": "saved_card", "payment_id": None}, {"/payment_id": "missing"}),
]  # fmt: skip


@pytest.mark.parametrize(("read", "members", "wrong"), WRONG_FIELDS)
def test_all_that_is_wrong_is_named_at_once(
    read: Read, members: dict[str, Any], wrong: dict[str, str]
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        read(members)
    assert {each.pointer: each.code for each in caught.value.errors} == wrong
    first = caught.value.errors[0].pointer
    assert pointer_to(*str(caught.value.field).split(".")) == first or "~" in first
    shown = caught.value.to_problem()["errors"]
    assert [(each["pointer"], each["code"]) for each in shown] == list(wrong.items())
    assert pickle.loads(pickle.dumps(caught.value)).errors == caught.value.errors


def test_a_value_made_by_hand_names_its_field_too() -> None:
    with pytest.raises(InvalidInputError) as caught:
        Address("1 Main St", "", "NY", "10118")
    assert caught.value.field == "city"
    with pytest.raises(InvalidInputError) as both:
        Delivery(address_id="a", address=Address("1 Main St", "New York", "NY", "10118"))
    assert (both.value.field, both.value.errors[0].code) == ("address", "invalid")
    assert InvalidInputError("no field is to blame").field is None
    nested = InvalidInputError("…", field="address.city", code="odd")
    assert (nested.field, nested.errors[0].pointer) == ("address.city", "/address/city")
    assert nested.to_problem()["errors"][0]["detail"] == "Please check this."
    assert "errors" not in InvalidInputError("no field is to blame").to_problem()


WRONG_MODIFIERS: list[tuple[Any, dict[str, str]]] = [
    ("large", {"/modifiers": "map a modifier group"}),
    ({"size": "large"}, {"/modifiers/size": "not the bare id"}),
    ({"size": 7, "a/b": None}, {"/modifiers/size": "list of", "/modifiers/a~1b": "list of"}),
    ({"a": ["large", {"quantity": 1}, 7]}, {"/modifiers/a/1": "item id", "/modifiers/a/2": "item id"}),
    ({"size": [{"item_id": "large", "quantity": 0}]}, {"/modifiers/size/0/quantity": "from 1 to 99"}),
    (
        {"a": [Modifier("large", 1, {"b": [Modifier("thin", 100)], "c": "red"})]},
        {"/modifiers/a/0/modifiers/b/0/quantity": "from 1", "/modifiers/a/0/modifiers/c": "bare id"},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("modifiers", "wrong"), WRONG_MODIFIERS)
def test_all_that_is_wrong_with_modifiers_is_named_at_once(
    modifiers: Any, wrong: dict[str, str]
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        read_modifiers(modifiers)
    assert [each.pointer for each in caught.value.errors] == list(wrong)
    for each in caught.value.errors:
        assert wrong[each.pointer] in each.message


def test_an_error_lists_the_first_twenty_mistakes() -> None:
    with pytest.raises(InvalidInputError) as caught:
        parse_identity({f"x{number}": 1 for number in range(500)})
    errors = [(each.pointer, each.code) for each in caught.value.errors]
    assert errors == [(f"/x{number}", "unknown") for number in range(20)]
    assert len(str(caught.value).split("; ")) == len(caught.value.to_problem()["errors"]) == 20


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
names = st.sampled_from(
    ["type", "kind", "payment_id"]
    + [
        each.name
        for kind in (Address, Delivery, Identity, Contact, CardOnFile)
        for each in fields(kind)
    ]
)
tags = st.sampled_from(["delivery", "pickup", "card_on_file", "saved_card", "gett_payment"])


@given(
    read=st.sampled_from([parse_fulfillment, parse_identity, parse_contact, parse_payment]),
    members=json_values | st.dictionaries(names, json_values | tags, max_size=6),
)
def test_any_json_is_a_value_or_invalid_input(read: Read, members: Any) -> None:
    try:
        value = read(members)
    except InvalidInputError:
        return
    assert type(value) in (Delivery, Pickup, Identity, Contact, CardOnFile, SavedCard, GettPayment)
    json.dumps(jsonable(value))


# --- there and back -------------------------------------------------------------------------------

some_text = st.text(min_size=1).filter(lambda text: text.strip())
fulfillments = (
    st.just(Pickup())
    | st.builds(Delivery, address_id=some_text)
    | st.builds(
        Delivery,
        st.builds(Address, some_text, some_text, some_text, some_text, st.none() | st.text()),
    )
)


def over_the_wire(value: object) -> Any:
    return json.loads(json.dumps(jsonable(value)))


@given(fulfillment=fulfillments)
def test_a_fulfillment_comes_back_from_its_json(fulfillment: public.Fulfillment) -> None:
    assert parse_fulfillment(over_the_wire(fulfillment)) == fulfillment


@given(
    first=some_text,
    last=some_text,
    digits=st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True),
    email=st.none() | st.emails(),
)
def test_any_contact_is_read_and_shown_as_initials_and_two_digits(
    first: str, last: str, digits: str, email: str | None
) -> None:
    members = {"first_name": first, "last_name": last, "phone": digits, "email": email}
    contact = parse_contact(members)
    assert contact == Contact(first, last, digits, email)
    assert over_the_wire(contact) == {}  # all of it is hidden
    assert repr(contact) == "Contact()"
    shown = over_the_wire(RecipientView.of(contact))
    assert shown == {"name": f"{first.strip()[0]}. {last.strip()[0]}.", "phone": f"…{digits[-2:]}"}


@given(payment=st.just(GettPayment()) | st.builds(SavedCard, some_text))
def test_a_payment_comes_back_from_its_json(payment: public.Payment) -> None:
    assert parse_payment(over_the_wire(payment)) == payment


@given(token=some_text, processor=some_text)
def test_of_a_card_on_file_all_comes_back_but_its_token(token: str, processor: str) -> None:
    card = CardOnFile(token, processor, "visa", "4242")
    members = over_the_wire(card)
    assert "card_token" not in members
    assert parse_payment({**members, "card_token": token}) == card


# --- out ------------------------------------------------------------------------------------------

ITEM = Item("salad", "Salad", price=Decimal("7.25"))
LINE = INCOMPLETE
WHEN = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
HIDDEN = "hidden-from-everybody"

# A value of every public class, its hidden fields filled.
VALUES: tuple[Any, ...] = (
    actions.AddItems(public.MinimumOrder(Decimal(15), Decimal(1), Decimal(14), False, "estimate")),
    actions.ChooseFulfillment(),
    actions.ChoosePayment("PAYMENT_DECLINED"),
    actions.ChooseRecipient("VALIDATION_FAILED"),
    actions.FixLines(("line-1",)),
    actions.ChooseStore("STORE_CLOSED"),
    actions.CompleteModifiers(("line-1",)),
    actions.ConfirmTotal(Decimal("1.10"), Decimal("1.20")),
    actions.ContactSupport("KEY_EXPIRED"),
    actions.Done("order-1"),
    actions.Place(Decimal("27.00")),
    actions.Reconcile(),
    actions.SignIn(),
    actions.StartOver(),
    actions.Validate(),
    actions.Wait(2.5),
    HOME,
    HOME.address,
    Pickup(),
    CardOnFile(HIDDEN, "stripe", "visa", "4242"),
    SavedCard("pay-1"),
    GettPayment(),
    Identity(f"{HIDDEN}@example.com", HIDDEN, HIDDEN, phone="+12125550199", partner_user_id=HIDDEN),
    Contact(HIDDEN, HIDDEN, "+12125550199", f"{HIDDEN}@example.com"),
    NewCard("4242424242424242", HIDDEN, "999", date(2030, 1, 31), Address(**STREET)),
    Amounts(Decimal("1.00"), Decimal("1.00")),
    public.Quote(HIDDEN, Amounts(Decimal(1), Decimal(1)), WHEN),
    public.Session(HIDDEN, Level.END_USER, WHEN),
    public.Order("order-1", amounts=Amounts(Decimal(1), Decimal(1))),
    public.OrderPage((public.Order(None),)),
    OrderEvent("order_update", "c", "https://example.com", "created", raw={"a": HIDDEN}),
    Refund("store_credit", Decimal("10.50"), 1050),
    public.PaymentMethod("pay-1", "visa", "4242", "2030-01-31"),
    PaymentView.of(CardOnFile(HIDDEN, "stripe")),
    RecipientView.of(Contact(HIDDEN, HIDDEN, "+12125550199")),
    PlacementView("key-1", WHEN, 2, "TransportError (timeout)"),
    public.PlacedOrder(
        HIDDEN,
        public.Order("order-1"),
        Amounts(Decimal(1), Decimal(1)),
        "pickup",
        {"cart": "7"},
        "key-1",
        WHEN,
        HIDDEN,
    ),
    public.Reconciled(HIDDEN, "placed", public.Order("order-1")),
    public.Unresolved(HIDDEN, "6b1f0c2a9d3e", "unknown", WHEN),
    MENU,
    *(next(iter(each.values())) for each in (MENU.catalogs, MENU.items, MENU.modifier_groups)),
    Section("s"),
    Suggestion(ITEM, 2, Decimal("14.50")),
    Charge("Service fee", Decimal("2.50")),
    STORE,
    StoreAddress(latitude=Decimal("40.7")),
    public.StorePage((STORE,)),
    StoreView.of(STORE, NOW),
    Window("monday", time(9), time(17, 30)),
    public.Modifier("small", modifiers={"crust": ["thin", public.Modifier("thick")]}),
    LINE,
    *LINE.problems,
    GroupChoice("size", (Choice("small"),)),
    Choice("small"),
    LineView.of(LINE),
    public.Notice("session_renewed", WHEN, {"kept": "all"}),
    public.Requirement("cart", "add", Text.of("cart"), {"problems": []}),
    SessionView("end-user", WHEN),
    RateLimit(7, WHEN),
    public.RetryPolicy(),
    public.Assumptions(),
    public.Assumptions().operation("place_order"),
    view_of(state_at(Stage.PLACE, recipient=RECIPIENT), NOW),
)


def public_values() -> set[type]:
    modules = (public, actions, catalog, operations, storage, views, webhooks)
    named = [getattr(module, name) for module in modules for name in module.__all__]
    return {each for each in named if inspect.isclass(each) and has(each)}


def test_there_is_a_value_of_every_public_class() -> None:
    # What a storage keeps is bytes, for nobody's page.
    assert public_values() - {type(each) for each in VALUES} == {
        public.MinimumOrder,  # is in an action
        Stored,
    }


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_every_public_value_becomes_json_without_what_is_hidden(value: Any) -> None:
    data = jsonable(value)
    told = json.dumps(data, allow_nan=False)  # nothing is left that JSON does not know
    assert json.loads(told) == data
    for hidden in (HIDDEN, "4242424242424242", '"999"', "+12125550199", *SECRETS):
        assert hidden not in told
    if "to_dict" not in vars(type(value)) and "to_dict" not in dir(value):
        assert set(data) == {each.name for each in fields(type(value)) if each.repr}


@pytest.mark.parametrize(
    ("value", "data"),
    [
        (Decimal("4.50"), "4.50"),
        (Decimal("1E+3"), "1000"),
        (Decimal("1E-7"), "0.0000001"),
        (datetime(2026, 11, 23, 18, tzinfo=UTC), "2026-11-23T18:00:00+00:00"),
        (date(2030, 1, 31), "2030-01-31"),
        (time(9, 30), "09:30:00"),
        (Stage.PAY, "pay"),
        (Level.END_USER, 2),
        (True, True),
        (None, None),
        (2.5, 2.5),
        ("text", "text"),
        ({Stage.PAY: (Decimal("1.0"),), 7: None}, {"pay": ["1.0"], "7": None}),
        (frozenset({Stage.PAY}), ["pay"]),
        (
            [Pickup(), SavedCard("p")],
            [{"type": "pickup"}, {"kind": "saved_card", "payment_id": "p"}],
        ),
    ],
)
def test_plain_values_become_json(value: object, data: object) -> None:
    assert jsonable(value) == data
    assert type(jsonable(value)) is type(data)


@pytest.mark.parametrize("value", [b"bytes", {1, 2}, object(), 1j, Stored(b"token", 1), iter(())])
def test_what_has_no_form_in_json_is_said_without_repeating_it(value: object) -> None:
    with pytest.raises(TypeError, match=r"\w+ cannot be written as JSON$") as caught:
        jsonable({"value": [value]})
    assert "token" not in str(caught.value)
