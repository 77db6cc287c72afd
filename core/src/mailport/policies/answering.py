"""Whether a mail may be answered automatically: never a machine, nobody too often (RFC 3834 section 2)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from mailport.message import Message
from mailport.policies.automatic import AutomaticRecogniser
from mailport.policies.bounce import BounceRecogniser
from mailport.policies.complaints import ComplaintRecogniser
from mailport.rules import RecognitionRules

__all__ = ["AnswerGuard", "MayAnswer", "correspondent", "may_answer"]


@dataclass(frozen=True, slots=True)
class MayAnswer:
    """Whether an automatic answer may leave, and why not; usable as a condition."""

    allowed: bool
    reason: str = ""

    def __bool__(self) -> bool:
        return self.allowed


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerGuard:
    """How many automatic answers one correspondent gets within a period.

    It is what stops two machines that hide from every other rule. It keeps no state: the host says when it answered.
    """

    limit: int = 10
    period: timedelta = timedelta(days=1)

    def check(self, answered: Iterable[datetime], now: datetime) -> MayAnswer:
        """Say whether one more answer may leave; ``answered`` are the times of the earlier ones to this correspondent."""
        recent = sum(now - self.period < time <= now for time in answered)
        if recent < self.limit:
            return MayAnswer(True)
        return MayAnswer(False, f"{recent} automatic answers within {self.period} already")


def correspondent(message: Message) -> str:
    """Return the key under which a host counts its answers: the address that would get this one."""
    target = next(iter(message.reply_to), message.sender)
    return target.mailbox.lower() if target else ""


def may_answer(
    message: Message,
    rules: RecognitionRules,
    *,
    answered: Iterable[datetime],
    now: datetime,
    guard: AnswerGuard | None = None,
) -> MayAnswer:
    """Say whether an automatic answer to ``message`` may leave; the reason is that of the first rule against it."""
    reason = _machine(message, rules) or _addressing(message, rules)
    return MayAnswer(False, reason) if reason else (guard or AnswerGuard()).check(answered, now)


def _machine(message: Message, rules: RecognitionRules) -> str:
    for recogniser in (AutomaticRecogniser(), BounceRecogniser(), ComplaintRecogniser()):
        found = recogniser.recognise(message, rules)
        if found:
            return found.reason
    return ""


def _addressing(message: Message, rules: RecognitionRules) -> str:
    """Name the rule of RFC 3834 against an answer: only somebody else gets one, who wrote to us by name."""
    own = {address.lower() for address in rules.own_addresses}
    target = correspondent(message)
    if not target:
        return "no address to answer to"
    if target in own:
        return f"the answer would go to ourselves, {target}"
    if target.startswith("postmaster@"):
        return f"From: {target}"
    if own and not own & {address.mailbox.lower() for address in (*message.to, *message.cc)}:
        return "none of our addresses is in To or Cc"
    return ""
