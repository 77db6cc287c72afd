"""Senders: who may write to us, by address or domain (TAB-13); which addresses are machines."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mailport.address import Address
from mailport.message import Message
from mailport.policies import Recogniser, Stage
from mailport.rules import RecognitionRules

__all__ = ["SenderRecogniser", "SenderVerdict", "is_machine", "writes_without_reading"]

# RFC 2142 and RFC 3834 section 2; Exchange Online writes its reports as MicrosoftExchange<32 hexadecimal digits>@.
_MACHINE = re.compile(
    r"(?:mailer[-_.]?daemon|mail[-_.]?daemon|mail[-_.]delivery[-_.](?:sub)?system|microsoftexchange[0-9a-f]{32})", re.IGNORECASE
)
_MUTE = re.compile(
    r"(?:(?:[\w.-]*[-_.+])?(?:no|not|do[-_.]?not|dont)[-_.]?(?:reply|respond)(?:[-_.+].*)?|listserv|majordomo|bounces?(?:[-+_].*)?)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class SenderVerdict:
    """Whether the lists let a sender in, and the entry that decided."""

    allowed: bool
    reason: str


class SenderRecogniser(Recogniser):
    """Looks the sender up in the lists: an address beats its domain, and deny beats allow where both name the same."""

    name = "sender"
    stage = Stage.GATE

    def recognise(self, message: Message, rules: RecognitionRules) -> SenderVerdict | None:
        """Return the verdict, or None where no list has entries that matter."""
        return judge(message.sender, allowed=rules.allowed_senders, denied=rules.denied_senders)


def judge(sender: Address | None, *, allowed: tuple[str, ...], denied: tuple[str, ...]) -> SenderVerdict | None:
    """Say whether ``sender`` may write. A list of allowed senders with entries leaves everybody else out.

    An entry is an address, a domain (``example.org``, or ``@example.org``), or a domain with everything below it
    (``.example.org`` or ``*.example.org``).
    """
    lists = (("denied", False, denied), ("allowed", True, allowed))
    for kind in (_is_address, _is_domain, _is_parent):  # the more exact entry first
        for word, verdict, entries in lists:
            for entry in entries:
                if sender and kind(_normal(entry), _normal(sender.mailbox)):
                    return SenderVerdict(verdict, f"{word} by the entry {entry.strip()}")
    if any(entry.strip() for entry in allowed):
        return SenderVerdict(False, "not on the list of allowed senders" if sender else "no sender, and only some are allowed")
    return None


def _is_address(entry: str, mailbox: str) -> bool:
    return entry == mailbox


def _is_domain(entry: str, mailbox: str) -> bool:
    return bool(entry) and entry.removeprefix("@") == mailbox.rpartition("@")[2]


def _is_parent(entry: str, mailbox: str) -> bool:
    parent = entry.removeprefix("@").removeprefix("*")
    domain = mailbox.rpartition("@")[2]
    return parent.startswith(".") and len(parent) > 1 and (domain.endswith(parent) or domain == parent[1:])


def _normal(text: str) -> str:
    """Lower case, the domain in its ASCII form: both ways to write an international domain are the same one."""
    local, at, domain = text.strip().lower().rpartition("@")
    try:
        ascii_domain = domain.encode("idna").decode() if not domain.isascii() else domain
    except UnicodeError:
        ascii_domain = domain
    return f"{local}{at}{ascii_domain}"


def is_machine(sender: Address) -> bool:
    """Whether only mail servers write under this address."""
    return bool(_MACHINE.fullmatch(sender.local_part))


def writes_without_reading(sender: Address) -> bool:
    """Whether nobody reads what is sent to this address."""
    return bool(_MUTE.fullmatch(sender.local_part))
