"""What a subject says by its beginning: that it answers, that a machine answers, that a delivery failed."""

from __future__ import annotations

import unicodedata

from mailport.policies.wording import pattern

__all__ = ["base_subject", "is_answer_of_a_machine", "is_answer_of_a_machine_perhaps", "is_failure_notice"]

_COLON = r"[ \xa0]?[:\uff1a]"  # French puts a space before it, Chinese and Japanese write a wide one
_COUNT = r"(?:\[\d+\]|\(\d+\)|\^?\d{1,3})?"  # "Re[2]:" of The Bat, "RE: (2)", "Re^2:" of old newsreaders
_PREFIX = rf"\s*(?:<subject_prefix>\s?{_COUNT}{_COLON}|\[ext(?:ern|ernal)?\]:?)\s*"
_TAG = r"(?:\[[^\]]{1,60}\]\s*)?"  # a ticket system puts "[host #4711]" first
_MACHINE = rf"\s*(?:{_TAG}<automatic>{_COLON}|\[<automatic>\]|<automatic_notes>)"
_MACHINE_PERHAPS = rf"\s*<absence>\s?(?:$|[(\uff08]|{_COLON})"
_FAILURE = rf"\s*{_TAG}<failure>"


def base_subject(subject: str) -> str:
    """Return the subject without the prefixes of replies and forwards, and without the marks that gateways add (MAT-09)."""
    whole, start = unicodedata.normalize("NFC", subject), 0
    while match := pattern(_PREFIX).match(whole, start):
        start = match.end()
    return " ".join(whole[start:].split())


def is_answer_of_a_machine(subject: str) -> bool:
    """Whether a mail program wrote this subject to answer by itself; a person's "RE: Automatic reply: " is not one."""
    return bool(pattern(_MACHINE).match(subject))


def is_answer_of_a_machine_perhaps(subject: str) -> bool:
    """Whether the subject is one of an absence notice, or of a person who writes about absence."""
    return bool(pattern(_MACHINE_PERHAPS).match(subject))


def is_failure_notice(subject: str) -> bool:
    """Whether a mail server wrote this subject to return a mail."""
    return bool(pattern(_FAILURE).match(subject))
