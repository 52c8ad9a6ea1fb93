"""Pure checks of a request before a step is taken, and the errors they raise."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from gett_checkout import GettCheckoutError, InvalidInputError, InvalidResponseError
from gett_checkout._hidden import hidden, leaves_nothing
from gett_checkout._json import read_json
from gett_checkout.web._bodies import Body
from gett_checkout.web._exchange import LARGEST_BODY

_COOKIE_VALUE: Final = re.compile(r"[!#-+\--:<-\[\]-~]{1,256}")  # RFC 6265, section 4.1.1
_DEFAULT_PORTS: Final = {"https": ":443", "http": ":80"}


class RequestRejectedError(GettCheckoutError):
    """The request was rejected, and the order is unchanged."""

    problem_code = "REQUEST_REJECTED"
    problem_status = 400


class PathNotFoundError(RequestRejectedError):
    """No endpoint has this path."""

    problem_code = "PATH_NOT_FOUND"
    problem_status = 404


class MethodNotAllowedError(RequestRejectedError):
    """The path has endpoints, but not for this method; ``allowed`` lists their methods."""

    problem_code = "METHOD_NOT_ALLOWED"
    problem_status = 405

    def __init__(self, message: str = "", *, allowed: str = "") -> None:
        super().__init__(message)
        self.allowed = allowed

    def problem_headers(self) -> dict[str, str]:
        """Return the headers of the problem document, with ``Allow``."""
        return {**super().problem_headers(), "Allow": self.allowed}


class OtherOriginError(RequestRejectedError):
    """A page of another origin requested a change."""

    problem_code = "OTHER_ORIGIN"
    problem_status = 403


class BodyTooLargeError(RequestRejectedError):
    """The body has more than `LARGEST_BODY` bytes."""

    problem_code = "BODY_TOO_LARGE"
    problem_status = 413


class MediaTypeError(RequestRejectedError):
    """The body is not ``application/json``."""

    problem_code = "UNSUPPORTED_MEDIA_TYPE"
    problem_status = 415


class ShopperKnownError(RequestRejectedError):
    """A page named the shopper, but the host's login already knows who it is."""

    problem_code = "SHOPPER_KNOWN"
    problem_status = 403


def require_size(body: bytes) -> None:
    """Raise `BodyTooLargeError` for a body of more than `LARGEST_BODY` bytes."""
    if len(body) > LARGEST_BODY:
        raise BodyTooLargeError(f"the body has more than {LARGEST_BODY} bytes")


def require_same_origin(headers: Mapping[str, str], trusted: Collection[str]) -> None:
    """Raise `OtherOriginError` unless the request comes from our own page, a trusted origin or no browser.

    Browsers send ``Sec-Fetch-Site``, which no page can set; older ones send ``Origin`` with every
    request but GET. A request with neither comes from no browser, so it cannot abuse anybody's cookies.
    """
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if origin in trusted:
        return
    if site is not None:
        is_own = site in ("same-origin", "none")  # none: the user's own action (a bookmark)
    else:
        is_own = origin is None or _is_host(origin, headers.get("host", ""))
    if not is_own:
        raise OtherOriginError("a page of another origin requested a change")


def _is_host(origin: str, host: str) -> bool:
    """Whether the origin matches this ``Host``; schemes are ignored, as a proxy may terminate TLS."""
    scheme, _, name = origin.lower().partition("://")
    port = _DEFAULT_PORTS.get(scheme, "")
    return name != "" and name.removesuffix(port) == host.lower().removesuffix(port)


def cookie_value(headers: Mapping[str, str], name: str) -> str | None:
    """Return a cookie's value; ``None`` if it is missing, duplicated, or nothing we would set."""
    pairs = (each.strip().partition("=") for each in headers.get("cookie", "").split(";"))
    values = [value for key, _, value in pairs if key == name]
    return values[0] if len(values) == 1 and _COOKIE_VALUE.fullmatch(values[0]) else None


def set_cookie(name: str, value: str, *, max_age: int, secure: bool) -> str:
    """Return the ``Set-Cookie`` header; raise ``ValueError`` for a value that no cookie can have."""
    if not _COOKIE_VALUE.fullmatch(value):
        raise ValueError("a checkout_id for a cookie is ASCII, without spaces, quotes or ;,\\")
    end = "; Secure" if secure else ""
    return f"{name}={value}; Max-Age={max_age}; Path=/; HttpOnly; SameSite=Lax{end}"


def hidden_secrets(secret: str | Sequence[str]) -> list[str]:
    """Return the webhook secrets as texts whose repr shows nothing."""
    return [hidden(each) for each in ((secret,) if isinstance(secret, str) else secret)]


@leaves_nothing
def read_members(body: bytes, headers: Mapping[str, str], takes: Body) -> dict[str, Any]:
    """Return the members of a JSON body without nulls; an empty body has none."""
    value: object = {}
    if body:
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != "application/json":
            raise MediaTypeError("the body must be application/json")
        try:
            value = read_json(body)
        except InvalidResponseError:
            raise InvalidInputError("the body is not JSON") from None
    if not isinstance(value, dict):
        raise InvalidInputError("the body must be a JSON object")
    members = {name: each for name, each in value.items() if each is not None}
    takes.check(members)
    return members
