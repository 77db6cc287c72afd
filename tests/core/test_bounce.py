"""Bounces tell which recipients were not reached, and which mail it was."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailport import Message
from mailport.policies.bounce import BounceCause, BounceRecogniser, FailedRecipient
from mailport.policies.complaints import ComplaintRecogniser
from tests.data.recognition.generate import RULES, labelled

BY_NAME = {one.name: one for one in labelled()}


def of_kind(kind):
    return [pytest.param(one, id=one.name) for one in labelled() if one.kind == kind]


def bounce_of(name):
    return BounceRecogniser().recognise(BY_NAME[name].message, RULES)


@pytest.mark.parametrize("one", of_kind("bounce"))
def test_each_bounce_is_read(one):  # TAB-04, SND-26
    """Recipients, codes, whether it is final, and the Message-ID of the mail concerned, as the label says."""
    found = BounceRecogniser().recognise(one.message, RULES)
    assert tuple(recipient.address for recipient in found.recipients) == one.failed
    assert (found.final, found.original_message_id) == (one.final, one.original_id)
    if one.codes:
        assert tuple(recipient.status for recipient in found.recipients) == one.codes


@pytest.mark.parametrize("kind", ["receipt", "complaint", "person", "auto-reply", "list"])
def test_nothing_else_is_a_bounce(kind):
    """A disposition notice says what became of a mail that was delivered; people forward and quote bounces."""
    assert [one.name for one in labelled() if one.kind == kind and BounceRecogniser().recognise(one.message, RULES)] == []


def test_what_the_server_said_is_kept():
    """The reason names the format or the server."""
    report, prose = bounce_of("postfix-unknown-user"), bounce_of("exim-text")
    assert report.reason == "delivery status notification (RFC 3464)"
    assert report.recipients[0].diagnostic.startswith("550 5.1.1 <bob@example.test>: Recipient address rejected")
    assert prose.reason == "a bounce in the words of Exim"
    assert "550 No such user here" in prose.recipients[0].diagnostic


def test_who_was_reached_is_not_listed():
    """A report may tell of successes as well; one that tells nothing else is no bounce."""
    assert [recipient.address for recipient in bounce_of("postfix-success-beside-failure").recipients] == ["bob@example.test"]
    assert bounce_of("delivered-receipt") is None


@pytest.mark.parametrize(
    ("status", "cause", "permanent"),
    [
        ("5.1.1", BounceCause.UNKNOWN_RECIPIENT, True),
        ("5.1.10", BounceCause.UNKNOWN_RECIPIENT, True),
        ("5.2.2", BounceCause.MAILBOX_FULL, True),
        ("5.7.26", BounceCause.POLICY, True),
        ("5.3.4", BounceCause.TOO_LARGE, True),
        ("4.4.7", BounceCause.UNREACHABLE, False),
        ("", BounceCause.OTHER, True),
    ],
)
def test_a_code_tells_the_cause(status, cause, permanent):
    """RFC 3463: the class says whether, the subject and detail say why."""
    recipient = FailedRecipient("bob@example.test", status)
    assert (recipient.cause, recipient.permanent) == (cause, permanent)


@pytest.mark.parametrize("one", of_kind("complaint"))
def test_each_complaint_is_read(one):
    """It is linked to the mail that somebody complained about."""
    found = ComplaintRecogniser().recognise(one.message, RULES)
    assert found.original_message_id == one.original_id


def test_a_complaint_tells_its_kind():
    """And the recipients, where the provider does not hide them."""
    found = ComplaintRecogniser().recognise(BY_NAME["arf-abuse"].message, RULES)
    assert (found.kind, found.recipients) == ("abuse", ("bob@example.test",))
    assert found.reason == "feedback report of type abuse (RFC 5965)"


@given(st.text(max_size=200), st.sampled_from(["delivery-status", "feedback-report"]))
def test_any_report_is_survived(text, kind):
    """The part for machines may hold anything."""
    head = f'From: mailer-daemon@example.test\r\nContent-Type: multipart/report; report-type={kind}; boundary="x"\r\n\r\n'
    raw = f"{head}--x\r\nContent-Type: message/{kind}\r\n\r\n{text}\r\n--x--\r\n".encode("utf-8", "surrogatepass")
    BounceRecogniser().recognise(Message.read(raw), RULES)
    ComplaintRecogniser().recognise(Message.read(raw), RULES)
