"""Every operation of Gett's API in one table, and the overrides for undocumented points."""

from gett_checkout._rate_limits import RateLimit
from gett_checkout._retry import Repeat
from gett_checkout._wire.assumptions import Assumptions
from gett_checkout._wire.endpoints import OPERATIONS, Bucket, Operation

__all__ = ["OPERATIONS", "Assumptions", "Bucket", "Operation", "RateLimit", "Repeat"]
