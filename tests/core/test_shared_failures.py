"""A failure of several messages: each has an error of its own."""

import pytest

from mailport import Message
from mailport.errors import AuthenticationFailed, PermissionDenied, Refused, Throttled, TimedOut, Uncertain
from mailport.receipt import Receipt, Status
from mailport.shared_failures import own_error

FACTS = {"remedy": "Wait.", "field": "host", "retry_after": 5.0, "provider_code": "429", "request_id": "r-1"}


def message(to="ann@example.org"):
    return Message.compose(sender="desk@example.org", to=to, text="Hello.\n")


@pytest.mark.parametrize(
    ("kind", "status"), [(Refused, Status.REFUSED), (Throttled, Status.DEFERRED), (Uncertain, Status.UNCERTAIN)]
)
def test_each_message_has_a_receipt_of_its_own(kind, status):
    """The shared error stays as it was; each copy says what became of the recipients of its message."""
    shared = kind("No.", code="send.special", **FACTS)
    shared.__cause__ = ValueError("why")
    own = [own_error(shared, message(to)) for to in ("ann@example.org", "bob@example.org")]
    assert [error.receipt.recipients[0].address for error in own] == ["ann@example.org", "bob@example.org"]
    assert {error.receipt.recipients[0].status for error in own} == {status}
    assert shared.receipt is None
    assert all(error.as_dict() == shared.as_dict() and error.__cause__ is shared.__cause__ for error in own)


@pytest.mark.parametrize("kind", [AuthenticationFailed, PermissionDenied, TimedOut])
def test_what_says_nothing_about_the_message_has_no_receipt(kind):
    """A message that was not handed over has no outcome; the copy is complete all the same."""
    shared = kind("No.", **FACTS)
    own = own_error(shared, message())
    assert own is not shared
    assert (type(own), own.receipt, own.as_dict(), str(own)) == (kind, None, shared.as_dict(), "No.")


def test_a_receipt_that_is_there_is_kept():
    """Who knows more about a message has said it already."""
    known = Receipt.for_all("<m@example.org>", ("ann@example.org",), Status.REFUSED, text="Known.")
    assert own_error(Refused("No.", receipt=known), message()).receipt is known
