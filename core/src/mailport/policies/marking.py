"""Mail that no person wrote says so, to keep other machines from answering it (RFC 3834 section 5)."""

from __future__ import annotations

from collections.abc import Iterator

from mailport.account import Account
from mailport.message import Message
from mailport.policies import Policy, Stage
from mailport.policies.sealed import is_sealed

__all__ = ["MarkAutomatic"]

# What Exchange shall not send back ([MS-OXCMAIL] section 2.1.3.2.20). Not "All": that would silence bounces as well.
_SUPPRESSED = "DR, RN, NRN, OOF, AutoReply"


class MarkAutomatic(Policy):
    """Writes the headers of automatic mail for a message whose host set ``Message.automatic``.

    Microsoft Graph drops ``Auto-Submitted`` and keeps headers that begin with ``X-``. ``X-Loop`` names the sender: our own
    mail is recognised by it when it comes back. The null return path that RFC 3834 wants for answers is the host's decision,
    by ``envelope_from=""``: many providers refuse it from those who sign in.
    """

    name = "automatic_mark"
    stage = Stage.HEADERS

    def apply(self, message: Message, account: Account) -> Message:
        """Return the message with its marks, or as it is; a signed message keeps its bytes."""
        if message.automatic is None or is_sealed(message):
            return message
        marks = dict(_marks(message, account))
        own = {name.lower() for name in marks}
        headers = (*((name, value) for name, value in message.headers if name.lower() not in own), *marks.items())
        return message if headers == message.headers else message.replace(headers=headers)


def _marks(message: Message, account: Account) -> Iterator[tuple[str, str]]:
    if message.automatic is not None:
        yield "Auto-Submitted", message.automatic.value
    yield "X-Auto-Response-Suppress", _SUPPRESSED
    sender = message.sender.ascii_mailbox if message.sender else account.user_name
    if "@" in sender:
        yield "X-Loop", sender
