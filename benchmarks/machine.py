"""The state machine alone: one transition, and the view of the missing requirements after it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from benchmarks.journeys import CARD, ready_to_place
from benchmarks.measuring import MICROSECONDS, Effort, Goal, Row, race
from gett_checkout import Checkouts, GettClient, MemoryStorage
from gett_checkout._core import machine
from gett_checkout._core.codes import Part
from gett_checkout._core.machine import EVENTS, PaymentChosen, PaymentRejected
from gett_checkout._core.refusal import Refusal
from gett_checkout._core.state import CheckoutState, Stage
from gett_checkout._core.view import view_of
from gett_checkout._snapshot import Snapshots
from gett_checkout.sandbox import Sandbox

_STAGES: Final = [str(stage) for stage in Stage]


DECLINED: Final = Refusal(Part.PAYMENT, "PAYMENT_DECLINED", "", datetime.now(UTC))


async def machine_step(effort: Effort) -> list[Row]:
    """A shopper chooses a card and it is declined, over and over: two transitions between two stages.

    Ours: `machine.apply` on a checkout with one line, alone, and with its view with requirements and
    next action after each transition. Theirs: the same stages, events and condition (a payment is
    chosen), without other facts and without a view; the name of the stage is read.
    """
    count = effort.of(500)
    state, now = await _payable(), datetime.now(UTC)

    events = PaymentRejected(DECLINED), PaymentChosen(CARD)

    async def alone() -> None:
        standing = state
        for _ in range(count):
            for event in events:
                standing = machine.apply(standing, event, now)

    async def with_view() -> None:
        standing = state
        for _ in range(count):
            for event in events:
                standing = machine.apply(standing, event, now)
                view_of(standing, now)

    def with_model(model: Any) -> Any:
        async def theirs() -> None:
            # Their calls are not awaited: the comparison is of machines, not of event loops.
            for _ in range(count):
                model.card = None
                model.payment_rejected()
                model.stage()
                model.card = CARD
                model.payment_chosen()
                model.stage()

        return theirs

    one, both, first, second = await race(
        effort, alone, with_view, with_model(_statemachine()), with_model(_transitions())
    )
    each, step = MICROSECONDS / (2 * count), "machine step"
    against, view = "transitions, the transition", f"{step} and view with requirements"
    return [
        Row(step, against, "µs", one * each, second * each, Goal("≤", 1.0)),
        Row(view, against, "µs", both * each, second * each, Goal("≤", 2.0)),
        Row(
            view,
            "python-statemachine, the transition",
            "µs",
            both * each,
            first * each,
            Goal("≤", 1.0),
        ),
    ]


async def _payable() -> CheckoutState:
    storage = MemoryStorage()
    async with Sandbox() as sandbox, GettClient(sandbox.api_key, base_url=sandbox.url) as gett:
        checkout = await ready_to_place(Checkouts(gett, storage=storage), lines=1)
        stored = await storage.load(checkout.id)
    assert stored is not None  # noqa: S101 - it was just saved
    return Snapshots().load(stored.data)


def _statemachine() -> Any:
    from statemachine import State, StateMachine

    stages = {
        stage: State(stage, initial=stage == Stage.PLACE, final=not EVENTS[stage])
        for stage in Stage
    }
    pay, place = stages[Stage.PAY], stages[Stage.PLACE]

    def stage(self: Any) -> str:
        return str(next(iter(self.configuration)).id)

    def has_card(self: Any) -> bool:
        return self.card is not None

    rest = _other_transitions()
    members: dict[str, Any] = {
        **{str(stage): each for stage, each in stages.items()},
        **{
            name: _any_of([stages[Stage(one)].to(stages[Stage(other)]) for one, other in ways])
            for name, ways in rest.items()
        },
        "payment_chosen": pay.to(place, cond="has_card") | place.to(place, cond="has_card"),
        "payment_rejected": place.to(pay),
        "has_card": has_card,
        "stage": stage,
        "card": CARD,
    }
    metaclass: Any = type(StateMachine)
    return metaclass("CheckoutMachine", (StateMachine,), members)()


def _any_of(ways: list[Any]) -> Any:
    first, *rest = ways
    for each in rest:
        first = first | each
    return first


def _transitions() -> Any:
    from transitions import Machine

    class Model:
        state: str
        card: Any = CARD

        def has_card(self) -> bool:
            return self.card is not None

        def stage(self) -> str:
            return self.state

    ways: list[Any] = [
        {"trigger": name, "source": source, "dest": target}
        for name, sources in _other_transitions().items()
        for source, target in sources
    ]
    ways += [
        {"trigger": "payment_chosen", "source": source, "dest": "place", "conditions": "has_card"}
        for source in ("pay", "place")
    ]
    ways.append({"trigger": "payment_rejected", "source": "place", "dest": "pay"})
    model = Model()
    Machine(model, _STAGES, initial="place", transitions=ways, auto_transitions=False)
    return model


def _other_transitions() -> dict[str, list[tuple[str, str]]]:
    """The other transitions of our table, by event: they give the compared machines as much to choose
    from.
    """
    found: dict[str, list[tuple[str, str]]] = {}
    for stage, events in EVENTS.items():
        for event, landing in events.items():
            if event not in (PaymentChosen, PaymentRejected):
                name = f"{event.__name__.lower()}_happened"
                found.setdefault(name, []).append((str(stage), str(landing)))
    return found
