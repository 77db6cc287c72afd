"""Automatic mail is recognised by its surest sign, and the verdict names it."""

import pytest

from mailport import Message, RecognitionRules
from mailport.policies.automatic import AutomaticKind, AutomaticRecogniser

RULES = RecognitionRules(own_addresses=("desk@example.org",), own_domains=("example.org",))


def recognise(*headers: str, sender: str = "ann@example.test", subject: str = "Printer", rules: RecognitionRules = RULES):
    head = [f"From: {sender}", "To: desk@example.org", f"Subject: {subject}", *headers]
    raw = "\r\n".join(head) + "\r\n\r\nHello\r\n"
    return AutomaticRecogniser().recognise(Message.read(raw.encode()), rules)


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        ("Auto-Submitted: auto-replied", AutomaticKind.REPLY),
        ("Auto-Submitted: Auto-Generated (rejected)", AutomaticKind.NOTIFICATION),
        ("Precedence: bulk", AutomaticKind.LIST),
        ("Precedence: auto_reply", AutomaticKind.REPLY),
        ("List-Id: <users.lists.example.test>", AutomaticKind.LIST),
        ("Return-Path: <>", AutomaticKind.NOTIFICATION),
        ("X-Autorespond: yes", AutomaticKind.REPLY),
        ("X-Loop: desk@example.org", AutomaticKind.LOOP),
        ("Content-Type: multipart/report; report-type=delivery-status; boundary=x", AutomaticKind.REPORT),
    ],
)
def test_each_sign_gives_its_verdict(header, kind):  # TAB-14
    """The reason of the verdict is the header that shows it."""
    found = recognise(header)
    assert found.kind is kind
    assert found.reason.partition(":")[0] == header.partition(":")[0]


@pytest.mark.parametrize(
    "header", ["Auto-Submitted: no", "X-Auto-Response-Suppress: All", "Precedence: first-class", "X-Loop: list@example.test"]
)
def test_what_people_have_too_is_no_sign(header):  # TAB-14
    """Suppressing answers is a wish, not a machine's mark."""
    assert recognise(header) is None


def test_what_answers_us_is_a_reply():
    """Exchange calls its out-of-office answers generated; a tracker that threads its own notifications answers itself."""
    generated = "Auto-Submitted: auto-generated"
    assert recognise(generated, "In-Reply-To: <1@example.org>").kind is AutomaticKind.REPLY
    assert recognise(generated, "In-Reply-To: <1@tracker.example.test>").kind is AutomaticKind.NOTIFICATION


def test_an_own_list_says_nothing():
    """A group may be the shared mailbox; what people write to it is theirs."""
    marks = ("List-Id: <desk.example.org>", "Precedence: list")
    assert recognise(*marks) is None
    assert recognise(*marks, rules=RecognitionRules()).kind is AutomaticKind.LIST


@pytest.mark.parametrize("subject", ["Automatic reply: Printer", "Réponse automatique : x", "[Auto-Reply] x", "自動応答: x"])
def test_the_subject_of_exchange_is_enough(subject):
    """Some relays drop every header."""
    assert recognise(subject=subject).kind is AutomaticKind.REPLY
    assert recognise(subject=f"RE: {subject}") is None


def test_an_absence_in_the_subject_needs_a_second_sign():
    """People write about absence as well."""
    assert recognise(subject="Out of office") is None
    assert recognise("In-Reply-To: <1@example.org>", subject="Out of office: x").kind is AutomaticKind.REPLY


@pytest.mark.parametrize("local", ["no-reply", "donotreply", "shop-noreply", "bounces+12-ab", "mailer-daemon", "MAILER-DAEMON"])
def test_addresses_of_machines_are_known(local):
    """Nobody reads an answer to them."""
    assert recognise(sender=f"{local}@example.test") is not None


@pytest.mark.parametrize("local", ["norbert.reply", "noreen", "daemon.smith", "postmaster"])
def test_addresses_of_people_are_not_machines(local):
    """A name that resembles one is a name."""
    assert recognise(sender=f"{local}@example.test") is None
