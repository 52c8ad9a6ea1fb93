"""The same sandbox, client and checkouts as the acceptance tests have."""

from tests.acceptance.conftest import checkouts, clock, gett, sandbox, storage

__all__ = ["checkouts", "clock", "gett", "sandbox", "storage"]
