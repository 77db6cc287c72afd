"""What an SMTP server says, and how a connection fails, as mailport errors: one table, the first row that fits counts."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from typing import NamedTuple

from aiosmtplib import SMTPResponseException

from mailport import tls
from mailport.account import Account
from mailport.causes import causes
from mailport.errors import (
    AuthenticationFailed,
    ConfigurationError,
    MailportError,
    PermissionDenied,
    Refused,
    Throttled,
    TimedOut,
    TransportError,
    Unreachable,
    UnsupportedFeature,
)
from mailport.transport import Rung
from mailport_smtp.said import clean
from mailport_smtp.smtp.replies import Malformed, Reply

__all__ = ["explain", "explain_failure"]

_CREDENTIAL = "credential"
"""Stands for the field that holds the account's credential."""
_DAY = 86400.0

_ANY = frozenset(Rung)
_AUTH = frozenset({Rung.AUTHENTICATION})
_GREET = frozenset({Rung.GREETING})
_EHLO = frozenset({Rung.CAPABILITIES})
_TLS = frozenset({Rung.TLS})
_MAIL = frozenset({Rung.PERMISSION, Rung.SEND})


class Row(NamedTuple):
    """A row: at which rungs, for which replies (codes or first digits), for which enhanced codes (empty: all).

    The ``*`` of a ``code`` is the rung at which the reply was heard.
    """

    rungs: frozenset[Rung]
    replies: str
    enhanced: str
    kind: type[MailportError]
    code: str

    def fits(self, reply: Reply, rung: Rung) -> bool:
        """Whether this row is about ``reply``, heard at ``rung``."""
        is_code = any(str(reply.code).startswith(code) for code in self.replies.split())
        return rung in self.rungs and is_code and (not self.enhanced or reply.enhanced in self.enhanced.split())


# Sources: RFC 3463, RFC 4954, RFC 5321, and what Google and Microsoft say about their replies.
_TABLE = (
    Row(_ANY, "5", "5.7.139", AuthenticationFailed, "authentication.smtp_auth_disabled"),
    Row(_ANY, "5", "5.7.30", AuthenticationFailed, "authentication.passwords_disabled"),
    Row(_ANY, "534 535", "5.7.9 5.7.14", AuthenticationFailed, "authentication.app_password"),
    Row(_ANY, "530", "", ConfigurationError, "authentication.required"),
    Row(_AUTH, "500 501 502 503 504", "", ConfigurationError, "authentication.mechanism"),
    Row(_AUTH, "4", "", Throttled, "authentication.throttled"),
    Row(_AUTH, "5", "", AuthenticationFailed, "authentication.refused"),
    Row(_GREET, "4", "", Unreachable, "greeting.unavailable"),
    Row(_GREET, "5", "", PermissionDenied, "greeting.refused"),
    Row(_TLS, "4", "", Unreachable, "tls.unavailable"),
    Row(_TLS, "5", "", ConfigurationError, "tls.refused"),
    Row(_EHLO, "4", "", Unreachable, "capabilities.unavailable"),
    Row(_EHLO, "5", "", PermissionDenied, "capabilities.refused"),
    Row(_MAIL, "432", "", Throttled, "*.too_many_connections"),
    Row(_MAIL, "4", "4.5.3", Throttled, "*.too_many_recipients"),
    Row(_MAIL, "4", "", Throttled, "*.deferred"),
    Row(_MAIL, "550", "5.4.5", Throttled, "*.daily_limit"),
    Row(_MAIL, "552", "5.5.3", Throttled, "*.too_many_recipients"),  # RFC 5321 section 4.5.3.1.10
    Row(_MAIL, "552 523 554", "5.3.4 5.2.3", Refused, "*.too_large"),
    Row(_MAIL, "5", "5.7.60 5.2.252", PermissionDenied, "permission.send_as"),
    Row(_MAIL, "5", "5.1.1 5.1.2 5.1.3 5.1.6 5.1.10", Refused, "*.no_such_address"),
    Row(_MAIL, "5", "5.2.1 5.2.2", Refused, "*.mailbox"),
    Row(_MAIL, "503", "", TransportError, "*.protocol"),
    Row(_MAIL, "504 555", "", UnsupportedFeature, "*.parameter"),
    Row(_MAIL, "552", "", Refused, "*.too_large"),
    Row(_MAIL, "5", "", Refused, "*.refused"),
    Row(_ANY, "0 1 2 3 4 5 6 7 8 9", "", TransportError, "*.protocol"),
)

_NO_CERTIFICATE = Row(_ANY, "4 5", "", ConfigurationError, "*.client_certificate")

# Code: the field at fault, if one is, and what to do.
_ADVICE: dict[str, tuple[str | None, str]] = {
    "authentication.smtp_auth_disabled": (
        "user_name",
        "Have an administrator switch SMTP AUTH on, for the tenant and for this mailbox.",
    ),
    "authentication.passwords_disabled": ("authentication", "Choose XOAUTH2: this server takes no passwords any more."),
    "authentication.app_password": (
        _CREDENTIAL,
        "Use an application password, or choose XOAUTH2: this server does not take the usual password.",
    ),
    "authentication.required": (
        "authentication",
        "The server wants STARTTLS or a sign-in first: check Use SSL/TLS and Authentication.",
    ),
    "authentication.mechanism": (
        "authentication",
        "Choose another authentication: the server does not understand this one.",
    ),
    "authentication.throttled": (None, "Nothing is wrong with the credentials; it is tried again later."),
    "authentication.refused": (_CREDENTIAL, "Check user name and credentials, and that the account may send by SMTP."),
    "greeting.unavailable": (None, "The server takes no mail now: try again later."),
    "greeting.refused": (
        "host",
        "Have the server's administrator accept connections from this machine's address.",
    ),
    "tls.unavailable": (None, "The server cannot do TLS now: try again later."),
    "tls.refused": ("use_ssl_tls", "Choose SSL or another port, or have the server's STARTTLS repaired."),
    "capabilities.unavailable": (None, "Try again later."),
    "capabilities.refused": ("host", "Have the server's administrator accept this machine's name and address."),
    "*.client_certificate": (
        "client_certificate",
        "Enter a client certificate with its key that the server's administrator knows.",
    ),
    "*.too_many_connections": ("max_connections", "Lower Connections: this mailbox has too many open at once."),
    "*.too_many_recipients": (None, "The rest of the recipients is tried again later."),
    "*.deferred": (None, "It is tried again later."),
    "*.daily_limit": (None, "The day's quota is used up: it is tried again tomorrow."),
    "*.too_large": (None, "Send a smaller message."),
    "permission.send_as": (
        "from_address",
        "Have an administrator grant the right “Send As”, or send as the account itself.",
    ),
    "*.no_such_address": (None, "Check the recipient's address."),
    "*.mailbox": (None, "The recipient's mailbox is full or closed."),
    "*.protocol": (None, "Report this to the server's administrator: it lost track of the session."),
    "*.parameter": (None, "The server announces more than it understands; tell its administrator."),
    "*.refused": (None, "See what the server says; its administrator can tell more."),
}
_RETRY_AFTER = {"*.daily_limit": _DAY}

_DOING = {
    Rung.GREETING: "The server does not welcome this client",
    Rung.TLS: "The server does not start TLS",
    Rung.CAPABILITIES: "The server does not take EHLO",
    Rung.AUTHENTICATION: "The server refused to sign in",
    Rung.PERMISSION: "The server does not take the sender",
    Rung.SEND: "The server did not take the message",
}


def explain(reply: Reply, rung: Rung, account: Account, secrets: Iterable[str] = ()) -> MailportError:
    """Return a reply that is no success as the error that says what to do."""
    wants_certificate = "client certificate" in reply.text.lower()  # no enhanced code says so
    row = _NO_CERTIFICATE if wants_certificate else next(row for row in _TABLE if row.fits(reply, rung))
    field, remedy = _ADVICE[row.code]
    heard = " ".join(str(part) for part in (reply.code, reply.enhanced) if part)
    return row.kind(
        f"{_DOING[rung]}: {clean(reply.text, account, secrets) or heard}",
        code=row.code.replace("*", rung),
        field=_credential(account) if field == _CREDENTIAL else field,
        remedy=remedy,
        retry_after=_RETRY_AFTER.get(row.code),
        provider_code=heard,
    )


def _credential(account: Account) -> str:
    return "password" if "password" in type(account.settings).model_fields else "user_name"


def explain_failure(error: Exception, rung: Rung, account: Account, secrets: Iterable[str] = ()) -> MailportError:
    """Return what went wrong at ``rung`` as a mailport error; the caller raises it ``from`` the original."""
    host = str(getattr(account.settings, "host", "the server"))
    if isinstance(error, MailportError):
        return error
    if certificate := _tls_error(error):
        return tls.explain(certificate, host=host)
    if isinstance(error, SMTPResponseException) and error.code > 0:
        return explain(Reply(error.code, tuple(error.message.split("\n"))), rung, account, secrets)
    if isinstance(error, Malformed | SMTPResponseException):
        return _no_smtp(host, rung)
    if isinstance(error, TimeoutError):
        return _silent(host, rung)
    return Unreachable(f"{host} ended the connection.", code=f"{rung}.cut", remedy="Try again later.")


def _tls_error(error: Exception) -> ssl.SSLError | None:
    return next((cause for cause in causes(error, hidden=True) if isinstance(cause, ssl.SSLError)), None)


def _no_smtp(host: str, rung: Rung) -> MailportError:
    kind = ConfigurationError if rung is Rung.GREETING else TransportError  # later on it is a server that went astray
    return kind(
        f"{host} does not speak SMTP on this port.",
        code=f"{rung}.malformed",
        field="port",
        remedy="Check host and port.",
    )


def _silent(host: str, rung: Rung) -> TimedOut:
    hints = {
        Rung.GREETING: "Check host and port; a port that expects SSL stays silent until SSL is chosen.",
        Rung.TLS: "Check host and port; a port without SSL stays silent while SSL is chosen.",
    }
    field = "port" if rung in hints else None
    remedy = hints.get(rung, "Try again later, or raise Send Mail Timeout.")
    return TimedOut(f"{host} stayed silent.", code=f"{rung}.timeout", field=field, remedy=remedy)
