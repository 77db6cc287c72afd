"""What IMAP and POP3 servers and their libraries say, as the errors that tell what to do.

One table for both protocols: response codes first (RFC 5530, RFC 2449, RFC 3206), then the words of servers that have none.
"""

from __future__ import annotations

import imaplib
import poplib
import re
import ssl
from dataclasses import dataclass

from mailport import tls
from mailport.account import Account
from mailport.errors import (
    AuthenticationFailed,
    ConfigurationError,
    MailportError,
    NotFound,
    PermissionDenied,
    Throttled,
    TimedOut,
    TransportError,
    Unreachable,
)
from mailport.transport import Rung
from mailport_smtp.pop3.wire import is_refusal
from mailport_smtp.said import clean

__all__ = ["explain", "explain_refusal", "is_fatal"]

_WAIT = "Wait; the server asks for fewer connections or commands."
_CREDENTIALS = "Check user name and password."
_TOKEN = "Check that the application may read this mailbox (scope, consent, mailbox right) and that the User Name is right."  # noqa: S105 - a text
_SILENT = "Check Host and Port; a port that expects SSL stays silent until SSL is chosen."
_ADMIN = "Ask the mail server's administrator."


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer of a server: what it looks like and what it means; the ``*`` of a code is the rung at which it was heard."""

    pattern: re.Pattern[str]
    kind: type[MailportError]
    code: str
    remedy: str
    field: str | None = None


def _answer(pattern: str, kind: type[MailportError], code: str, remedy: str, field: str | None = None) -> _Answer:
    return _Answer(re.compile(pattern, re.IGNORECASE), kind, code, remedy, field)


_REFUSED = _answer(r"\[(?:AUTHENTICATIONFAILED|AUTH)\b", AuthenticationFailed, "*.refused", _CREDENTIALS, "password")
_BAD_NAME = _answer(r"\[CANNOT\b", ConfigurationError, "folder.name", "Choose a name that this server allows.", "folder")
_ANSWERS = (
    # Exchange: too many or too quick connections, or a mailbox that is not licensed or enabled for the protocol.
    _answer(
        r"User is authenticated but not connected",
        Throttled,
        "*.not_connected",
        "Wait; if it stays, check that the mailbox is licensed and enabled for this protocol.",
    ),
    _answer(r"Suggested Backoff Time|throttle", Throttled, "*.throttled", _WAIT),
    _answer(r"\[(?:LIMIT|IN-?USE|LOGIN-DELAY)\b", Throttled, "*.throttled", _WAIT),
    _answer(r"too many (?:\w+ )*(?:connections|sessions)", Throttled, "*.too_many_connections", _WAIT),
    _answer(r"too many (?:\w+ )*(?:logins|login attempts)", Throttled, "*.throttled", _WAIT),
    _answer(r"\[(?:UNAVAILABLE|SERVERBUG|SYS/TEMP)\b", Unreachable, "*.unavailable", "Try again later."),
    _answer(r"\[EXPIRED\b", AuthenticationFailed, "authentication.password_expired", "Renew the password.", "password"),
    _answer(r"\[PRIVACYREQUIRED\b", ConfigurationError, "*.tls_required", "Choose TLS or SSL.", "use_ssl_tls"),
    _answer(
        r"\[(?:AUTHORIZATIONFAILED|NOPERM)\b", PermissionDenied, "*.denied", "Grant the right to this mailbox.", "user_name"
    ),
    _REFUSED,
    _answer(r"\[(?:CONTACTADMIN|SYS/PERM)\b", PermissionDenied, "*.contact_administrator", _ADMIN),
    _answer(r"\[OVERQUOTA\b", PermissionDenied, "*.mailbox_full", "Make room in the mailbox."),
    _answer(r"\[(?:NONEXISTENT|TRYCREATE)\b", NotFound, "*.missing", "Check the name of the folder."),
    _answer(r"READ-ONLY|is not writable", PermissionDenied, "*.read_only", "Grant the right to change this folder."),
)
# A server without response codes that is only busy must not make a person renew good credentials (REL-06).
_BUSY = re.compile(r"try (?:again|later)|temporar|unavailable|internal|busy|locked|time[d ]*out", re.IGNORECASE)
_BACKOFF = re.compile(r"Backoff Time:?\s*(\d{1,9})\s*milliseconds", re.IGNORECASE)
_CODE = re.compile(r"\[([A-Z][A-Z/-]+)\b")
# imaplib's own words for what is not an answer of the server.
_LOST = re.compile(r"socket error|EOF", re.IGNORECASE)
_GARBLED = re.compile(r"unexpected (?:tagged )?response|not IMAP4 compliant|got more than|unterminated", re.IGNORECASE)


def explain(error: Exception, *, account: Account, rung: Rung) -> MailportError:
    """Return the failure of a library call as the error that says what to do; the caller raises it ``from`` the original."""
    if isinstance(error, MailportError):
        return error
    if isinstance(error, imaplib.IMAP4.error | poplib.error_proto):
        return _explain_answer(error, account, rung)
    if isinstance(error, ssl.SSLError) and rung is Rung.TLS:
        return tls.explain(error, host=_host(account))
    if isinstance(error, TimeoutError):
        return _silent(account, rung)
    if isinstance(error, OSError):
        return _cut(account, rung)
    return _garbled(account, rung)


def explain_refusal(error: Exception, *, account: Account, told: str) -> MailportError:
    """Return the failure of a sign-in; ``told`` is what the server said about a token before it refused it."""
    explained = explain(error, account=account, rung=Rung.AUTHENTICATION)
    if told and isinstance(explained, AuthenticationFailed):
        explained.message += f" ({clean(told, account)})"
    return explained


def is_fatal(error: Exception) -> bool:
    """Whether the connection is of no further use after this failure: it is gone, or out of step."""
    if isinstance(error, imaplib.IMAP4.abort):
        return not isinstance(error, imaplib.IMAP4.readonly)
    if isinstance(error, imaplib.IMAP4.error):
        return bool(_GARBLED.search(str(error)))
    if isinstance(error, poplib.error_proto):
        return not is_refusal(error)
    return not isinstance(error, MailportError)


def _words(error: Exception) -> str:
    """Return the server's words in a library error."""
    first = (error.args[0] if error.args else "") or ""
    return first.decode("utf-8", "replace") if isinstance(first, bytes) else str(first)


def _explain_answer(error: Exception, account: Account, rung: Rung) -> MailportError:
    text = clean(_words(error), account)
    if rung is Rung.GREETING and _is_strange(error):
        return _strange_greeting(text.rstrip("."), account)
    for answer in _ANSWERS:
        if answer.pattern.search(text):
            return _from_table(answer, text, account, rung)
    if _LOST.search(text):
        return _cut(account, rung)
    if _GARBLED.search(text) or is_fatal(error):
        return _garbled(account, rung, text)
    return _unknown_answer(text, account, rung)


def _from_table(answer: _Answer, text: str, account: Account, rung: Rung) -> MailportError:
    backoff, word = _BACKOFF.search(text), _CODE.search(text)
    is_token = answer.kind is AuthenticationFailed and account.settings.option() == "xoauth2"
    return answer.kind(
        f"The server said: {text}",
        code=answer.code.replace("*", rung),
        remedy=_TOKEN if is_token else answer.remedy,
        field="user_name" if is_token else answer.field,
        retry_after=int(backoff[1]) / 1000 if backoff else None,
        provider_code=word[1] if word else None,
    )


def _unknown_answer(text: str, account: Account, rung: Rung) -> MailportError:
    if _BUSY.search(text) or rung is Rung.GREETING:
        return Unreachable(f"The server said: {text}", code=f"{rung}.unavailable", remedy="Try again later.")
    if rung is Rung.AUTHENTICATION:
        return _from_table(_REFUSED, text, account, rung)
    if rung is Rung.FOLDER and "[CANNOT]" in text:  # RFC 5530: it never can, whoever asks
        return _from_table(_BAD_NAME, text, account, rung)
    return TransportError(f"The server said: {text}", code=f"{rung}.refused", remedy=_ADMIN)


def _is_strange(error: Exception) -> bool:
    """Whether a greeting is of another protocol; the libraries hand on the server's own lines as bytes."""
    first = error.args[0] if error.args else ""
    if isinstance(first, bytes):
        return not first.startswith((b"-ERR", b"* BYE"))
    return first is None or bool(_GARBLED.search(str(first)))  # None: imaplib took "+OK" for a question


def _strange_greeting(text: str, account: Account) -> MailportError:
    return ConfigurationError(
        f"{_host(account)} does not speak {account.protocol.upper()} on this port{': ' + text if text else ''}.",
        code="greeting.malformed",
        field="port",
        remedy="Check Host and Port.",
    )


def _silent(account: Account, rung: Rung) -> TimedOut:
    is_greeting = rung is Rung.GREETING
    return TimedOut(
        f"{_host(account)} stayed silent.",
        code=f"{rung}.timeout",
        field="port" if is_greeting else None,
        remedy=_SILENT if is_greeting else "Try again later; check Port and Use SSL/TLS if it never worked.",
    )


def _cut(account: Account, rung: Rung) -> MailportError:
    return Unreachable(f"{_host(account)} closed the connection.", code=f"{rung}.cut", remedy="Try again later.")


def _garbled(account: Account, rung: Rung, text: str = "") -> MailportError:
    return TransportError(
        f"{_host(account)} sent what is not {account.protocol.upper()}{': ' + text if text else ''}.",
        code=f"{rung}.malformed",
        remedy=_ADMIN,
    )


def _host(account: Account) -> str:
    return str(getattr(account.settings, "host", "the server"))
