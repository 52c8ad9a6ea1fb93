"""What is wrong must be an error: each line is ignored by name, and an ignore too many is one too."""

from datetime import date

from gett_checkout import (
    Address,
    CardOnFile,
    Checkout,
    Checkouts,
    Delivery,
    GettClient,
    Identity,
    NewCard,
    Pickup,
    Quote,
)
from gett_checkout.actions import AddItems


async def steps(checkout: Checkout, checkouts: Checkouts) -> None:
    await checkout.browse()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await checkout.add("item", 2)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await checkout.add("item", quantity="2")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await checkout.add("item", modifiers=["large"])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await checkout.fulfill("pickup")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await checkout.fulfill(Pickup)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await checkout.pay("token")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await checkout.identify("jane@example.com")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await checkout.validate(tip=3.5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await checkout.place(27)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    checkout.order  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    checkout.id = "another"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    quote: Quote = checkout.validate()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    print(quote)
    async with checkouts.open("id"):  # type: ignore[attr-defined]  # pyright: ignore[reportGeneralTypeIssues]
        pass
    checkouts.open("id").view  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    async with checkouts.start():  # type: ignore[attr-defined]  # pyright: ignore[reportGeneralTypeIssues]
        pass


def values(checkout: Checkout, home: Address) -> None:
    Address("350 5th Ave", "New York", "NY")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    Identity("jane@example.com")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    NewCard(4242424242424242, "visa", "123", date(2030, 1, 31), home)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    CardOnFile("token")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    Delivery("350 5th Ave")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    view = checkout.view
    view.stage = "place"  # type: ignore[misc, assignment]  # pyright: ignore[reportAttributeAccessIssue]
    view.quote.amounts  # type: ignore[union-attr]  # pyright: ignore[reportOptionalMemberAccess]
    view.next_action.minimum_order  # type: ignore[union-attr]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    print(view.next_action.kind == "pay")  # type: ignore[comparison-overlap]  # pyright: ignore[reportUnnecessaryComparison]
    if isinstance(view.next_action, AddItems):
        view.next_action.minimum_order.gap  # type: ignore[union-attr]  # pyright: ignore[reportOptionalMemberAccess]


def clients() -> None:
    GettClient()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    GettClient("key", "https://api.example.com")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    Checkouts("key")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Checkouts(GettClient("key"), storage={})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
