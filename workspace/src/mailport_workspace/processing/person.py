"""The person who wrote: linked, made, or unknown, as the inbox says (INB-09 to INB-13, INB-16)."""

from __future__ import annotations

from mailport.address import Address
from mailport_workspace.intake.content import storable
from mailport_workspace.processing.case import Case
from mailport_workspace.records.interface import RecordWork
from mailport_workspace.tables import StepState

__all__ = ["find_person", "is_welcome"]

_LONGEST_ADDRESS = 320


async def find_person(work: RecordWork, case: Case) -> None:
    """Find who wrote, or make the person where the inbox wants it; keep the id in ``case.person``."""
    sender = case.sender
    if sender is None:
        case.note("person", "the mail has no sender", state=StepState.SKIPPED, code="person.no_sender")
        return
    known = await work.person(case.sender_mailbox)
    if known is not None:
        case.person = known.id
    elif case.handling.link_person:
        await _make(work, case, sender)


async def _make(work: RecordWork, case: Case, sender: Address) -> None:
    domain = sender.mailbox.rpartition("@")[2].lower()
    ascii_domain = sender.ascii_mailbox.rpartition("@")[2].lower()
    if not {domain, ascii_domain} & set(case.handling.permitted_domains) or len(sender.mailbox) > _LONGEST_ADDRESS:
        case.note("person", f"nobody is made for {domain}: not permitted", state=StepState.SKIPPED, code="person.domain")
        return
    made = await work.create_person(case.sender_mailbox, storable(sender.display_name))
    case.person = made.id
    case.note("person", f"{made.email} was made, inactive")


def is_welcome(case: Case) -> bool:
    """Whether a mail of this sender may open a record: a known one's, or any where the inbox links senders."""
    return bool(case.handling.link_person or case.person or case.sender_mailbox in case.users or case.is_released)
