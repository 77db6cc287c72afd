"""What Exchange says, as errors: classes, codes, waiting times and remedies."""

from typing import Any

import exchangelib.errors
import pytest

from mailport.account import Account, validate
from mailport.errors import (
    AuthenticationFailed,
    ConfigurationError,
    MailportError,
    NotFound,
    PermissionDenied,
    Refused,
    Throttled,
    TransportError,
    Unreachable,
)
from mailport.fields import Direction
from mailport.transport import Rung
from mailport_ews.codes import KNOWN
from mailport_ews.fields import PROTOCOL
from mailport_ews.hosted import HostedEwsWarning, is_hosted
from mailport_ews.translate import explain_error, explain_status
from tests.plugins.ews.test_fields import AUTH_LOGIN, PLAIN


@pytest.fixture
def hosted() -> Account:
    """An application in Exchange Online."""
    with pytest.warns(HostedEwsWarning):
        return validate(PROTOCOL, Direction.OUTGOING, AUTH_LOGIN | {"host": "https://outlook.office365.com/EWS/Exchange.asmx"})


@pytest.fixture
def own() -> Account:
    """An account of an own server."""
    return validate(PROTOCOL, Direction.OUTGOING, PLAIN)


@pytest.mark.parametrize("code", KNOWN)
def test_every_code_exists_and_helps(code: str, own: Account) -> None:
    """Every code that we know is one of Exchange, stands on a rung of the ladder and has a remedy."""
    error = explain_error(getattr(exchangelib.errors, code)("In words."), own)
    assert error.code.partition(".")[0] in list(Rung)
    assert error.remedy
    assert error.provider_code == code


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("ErrorPasswordExpired", AuthenticationFailed),
        ("ErrorAccessDenied", PermissionDenied),
        ("ErrorImpersonationFailed", PermissionDenied),
        ("ErrorNonExistentMailbox", ConfigurationError),
        ("ErrorInvalidSyncStateData", NotFound),
        ("ErrorItemNotFound", NotFound),
        ("ErrorMissingRecipients", Refused),
        ("ErrorServerBusy", Throttled),
        ("ErrorTooManyObjectsOpened", Throttled),
        ("ErrorMailboxFailover", Unreachable),
        ("ErrorADUnavailable", Unreachable),
        ("ErrorCalendarDurationIsTooLong", TransportError),
    ],
)
def test_classes(code: str, kind: type[MailportError], own: Account) -> None:
    """The class says what the caller should do; a code that nobody foresaw is told as it is."""
    error = explain_error(getattr(exchangelib.errors, code)("In words."), own)
    assert type(error) is kind
    assert code in str(error)


def test_ews_that_is_switched_off(hosted: Account) -> None:
    """A 403 or a denied access in Exchange Online names the list of allowed applications, its end, and Graph."""
    # VER-04
    denied = explain_error(exchangelib.errors.ErrorAccessDenied("Access is denied."), hosted)
    blocked = explain_status(403, {}, hosted)
    assert blocked.code == "permission.client_blocked"
    for error in (denied, blocked):
        assert AUTH_LOGIN["client_id"] in error.remedy
        assert "EwsAllowedAppIDs" in error.remedy
        assert "graph" in error.remedy


@pytest.mark.parametrize(
    ("host", "expected"),
    [("outlook.office365.com", True), ("OUTLOOK.office365.us", True), ("mail.example.org", False), ("notoffice365.com", False)],
)
def test_hosts_of_microsoft(host: str, expected: bool) -> None:
    """Only Microsoft's own hosts are hosted ones."""
    assert is_hosted(f"https://{host}/EWS/Exchange.asmx") is expected


def test_words_of_the_server_are_cleaned(own: Account) -> None:
    """What a server says is told on one line, not without end, and without a secret that it repeats."""
    # SEC-01
    secret: Any = PLAIN["password"]
    said = f"line\r\n\x1b[31m {secret} " + "x" * 1000
    text = str(explain_error(exchangelib.errors.ErrorSchemaValidation(said), own))
    assert secret not in text
    assert text.isprintable()
    assert len(text) < 500
