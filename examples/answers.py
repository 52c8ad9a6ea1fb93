"""What both backends answer with: the library's own JSON, without the id, which stays in the cookie."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from gett_checkout import Checkout, GettCheckoutError

PROBLEM: Final = {"Content-Type": "application/problem+json"}


def checkout_answer(checkout: Checkout) -> dict[str, Any]:
    """All a page needs for its next screen."""
    answer = checkout.view.to_dict()
    del answer["id"]
    return answer


def problem_answer(error: GettCheckoutError) -> dict[str, Any]:
    """The problem document (RFC 9457) for an error, its ``status`` in it."""
    problem = error.to_problem()
    problem.pop("checkout_id", None)
    return problem


def http_problem(status: int) -> dict[str, Any]:
    """The problem document for what the framework refused: an unknown path, a wrong method."""
    title = HTTPStatus(status).phrase
    return {"type": "about:blank", "title": title, "status": status, "code": f"HTTP_{status}"}
