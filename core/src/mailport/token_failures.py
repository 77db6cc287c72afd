"""What goes wrong at a token endpoint and is no verdict on the credentials: nobody is asked for new ones (REL-06)."""

from __future__ import annotations

from typing import Any

from mailport.errors import MailportError, Throttled, TimedOut, TransportError, Unreachable

__all__ = ["blame_token_request", "no_token", "not_now", "unanswered"]

_ON_THE_WAY = ("name.", "egress.", "connect.", "tls.", "greeting.")
_LATER = "Nothing to do: it is tried again later."


def blame_token_request(error: MailportError, field: str) -> None:
    """Make a failure to reach the endpoint one of signing in; ``field`` is the setting that says where the endpoint is.

    ``connect.refused`` becomes ``authentication.token_connect_refused``, ``greeting.timeout`` ``authentication.token_timeout``.
    """
    if error.code.startswith(_ON_THE_WAY):
        error.code = f"authentication.token_{error.code.removeprefix('greeting.').replace('.', '_')}"
        error.field = error.field if error.field in ("ca_certificates", "proxy_url") else field


def not_now(status: int, waits: float | None, **facts: Any) -> Throttled | Unreachable:
    """Return a 429, or a failure of the server's own, as an error; ``waits`` are the seconds that it asked for."""
    if status == 429:
        return Throttled(
            "The token server asks to come back later.",
            code="authentication.token_throttled",
            retry_after=waits,
            remedy=_LATER,
            **facts,
        )
    return Unreachable(
        f"The token server cannot answer now (HTTP {status}).",
        code="authentication.token_unavailable",
        retry_after=waits,
        remedy=_LATER,
        **facts,
    )


def no_token(field: str | None, remedy: str) -> TransportError:
    """Return the error for an answer that holds no token."""
    return TransportError(
        "The token server's answer holds no token.", code="authentication.token_malformed", field=field, remedy=remedy
    )


def unanswered(field: str, remedy: str, seconds: float) -> TimedOut:
    """Return the error for an endpoint that did not answer within ``seconds``."""
    return TimedOut(
        f"No token came within {seconds:g} seconds.", code="authentication.token_timeout", field=field, remedy=remedy
    )
