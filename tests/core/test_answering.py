"""Machines must not answer each other: by what they see, and where they see nothing by a limit."""

from datetime import UTC, datetime, timedelta

import pytest

from mailport import Message, RecognitionRules
from mailport.policies.answering import AnswerGuard, correspondent, may_answer

NOW = datetime(2026, 11, 2, 9, 15, tzinfo=UTC)
RING = [f"robot{number}@{number}.example.test" for number in range(5)]


class Robot:
    """Answers everything that it may; every answer asks for answers to the next robot of the ring."""

    def __init__(self, number: int, dropped: frozenset[str], subject: str) -> None:
        self.address, self.next = RING[number], RING[(number + 2) % 5]
        self.rules = RecognitionRules(own_addresses=(self.address,), own_domains=(self.address.partition("@")[2],))
        self.dropped, self.subject, self.answered = dropped, subject, list[datetime]()

    def answer(self, message: Message) -> Message | None:
        if not may_answer(message, self.rules, answered=self.answered, now=NOW):
            return None
        self.answered.append(NOW)
        marks = {"Auto-Submitted": "auto-replied", "X-Auto-Response-Suppress": "All", "X-Loop": self.address}
        headers = tuple((name, value) for name, value in marks.items() if name not in self.dropped)
        return _sent(self.address, correspondent(message), self.next, self.subject, headers)


def _sent(sender, to, reply_to, subject, headers=()):
    """The message as it arrives."""
    return Message.read(
        Message.compose(sender=sender, to=to, reply_to=reply_to, subject=subject, text="Hi\n", headers=headers).to_bytes()
    )


def run(dropped: frozenset[str], subject: str) -> int:
    """Let a person's mail reach the ring; count the messages until it is silent."""
    robots = {address: Robot(number, dropped, subject) for number, address in enumerate(RING)}
    message: Message | None = _sent("ann@example.test", RING[0], RING[1], "Printer")
    count = 0
    while message is not None and count < 100:
        count += 1
        message = robots[message.to[0].mailbox].answer(message)
    return count


@pytest.mark.parametrize(
    ("dropped", "subject"),
    [
        (set(), "Re: Printer"),
        ({"X-Loop", "X-Auto-Response-Suppress"}, "Re: Printer"),
        ({"Auto-Submitted"}, "Out of office: Printer"),
        ({"Auto-Submitted", "X-Auto-Response-Suppress", "X-Loop"}, "Automatische Antwort: Printer"),
    ],
)
def test_a_ring_of_five_falls_silent(dropped, subject):  # TAB-14
    """Within three messages, whatever single sign the way leaves of them."""
    assert run(frozenset(dropped), subject) <= 3


def test_a_ring_without_any_sign_ends_by_the_guard():
    """Nothing can be seen; each robot stops at its limit of answers to the same correspondent."""
    dropped = frozenset({"Auto-Submitted", "X-Auto-Response-Suppress", "X-Loop"})
    assert run(dropped, "Printer") == 5 * AnswerGuard().limit + 1


def test_the_guard_forgets_after_its_period():
    """Old answers do not count; the reason says how many there were."""
    guard = AnswerGuard(limit=2, period=timedelta(hours=1))
    old, recent = NOW - timedelta(hours=2), NOW - timedelta(minutes=5)
    assert guard.check([old, old, recent], NOW)
    assert guard.check([recent, recent], NOW).reason == "2 automatic answers within 1:00:00 already"


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        ("To: desk@example.org", "no address to answer to"),
        ("From: Desk@example.org\r\nTo: desk@example.org", "the answer would go to ourselves, desk@example.org"),
        ("From: postmaster@example.test\r\nTo: desk@example.org", "From: postmaster@example.test"),
        ("From: ann@example.test\r\nTo: all@example.test", "none of our addresses is in To or Cc"),
        ("From: ann@example.test\r\nCc: desk@example.org", ""),
    ],
)
def test_who_gets_an_answer(head, reason):
    """RFC 3834 section 2: somebody else, who wrote to us by name."""
    rules = RecognitionRules(own_addresses=("desk@example.org",))
    assert may_answer(Message.read(f"{head}\r\n\r\n".encode()), rules, answered=(), now=NOW).reason == reason


def test_a_bounce_gets_no_answer():
    """Even one without any mark of RFC 3834."""
    raw = b"From: postmaster@example.test\r\nTo: desk@example.org\r\nSubject: Undeliverable: x\r\n\r\nbob@example.test"
    rules = RecognitionRules(own_addresses=("desk@example.org",))
    assert may_answer(Message.read(raw), rules, answered=(), now=NOW).reason == "Subject: Undeliverable: x"
