"""Email Address Override: every mail goes to other addresses instead (SND-11 to SND-13)."""

from __future__ import annotations

from mailport.account import Account
from mailport.address import Address, parse_list
from mailport.message import Message
from mailport.policies import Policy, Stage
from mailport.receipt import Receipt
from mailport.rules import OutgoingRules


class Override(Policy):
    """Replaces To, Cc and Bcc; the original To and Cc stay readable in ``X-Mailport-Original-*`` headers.

    Whom the mail was meant for, Bcc included, is a note of the receipt.
    """

    name = "override"
    stage = Stage.GATE
    realises = frozenset({"email_address_override"})

    def apply(self, message: Message, account: Account) -> Message | Receipt:
        """Return the message addressed to the override addresses only, or as it is."""
        if not isinstance(account.rules, OutgoingRules) or not account.rules.email_address_override:
            return message
        targets = parse_list(account.rules.email_address_override)
        if _is_overridden(message, targets):
            return message
        kept = (("To", message.to), ("Cc", message.cc))
        headers = tuple((f"{_ORIGINAL}{name}", _listed(addresses)) for name, addresses in kept if addresses)
        return message.replace(
            to=targets,
            cc=(),
            bcc=(),
            envelope_to=None,
            headers=(*message.headers, *headers),
            notes=(*message.notes, _note(message)),
        )


_ORIGINAL = "X-Mailport-Original-"


def _is_overridden(message: Message, targets: tuple[Address, ...]) -> bool:
    """Whether this is done already: nobody else receives the mail, and it says whom it was meant for."""
    goes_elsewhere = message.cc or message.bcc or message.envelope_to is not None or message.to != targets
    return not goes_elsewhere and any(name.startswith(_ORIGINAL) for name, _ in message.headers)


def _note(message: Message) -> str:
    lists = (("To", message.to), ("Cc", message.cc), ("Bcc", message.bcc))
    meant = [f"{name} {_listed(addresses)}" for name, addresses in lists if addresses]
    envelope = [f"recipients {', '.join(message.envelope_to)}"] if message.envelope_to else []
    return f"Email Address Override is on. The mail was meant for {'; '.join([*meant, *envelope])}."


def _listed(addresses: tuple[Address, ...]) -> str:
    return ", ".join(address.ascii_mailbox for address in addresses)
