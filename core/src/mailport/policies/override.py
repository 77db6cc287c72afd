"""Email Address Override: every mail goes to other addresses instead (SND-11 to SND-13)."""

from __future__ import annotations

from mailport.account import Account
from mailport.address import parse_list
from mailport.message import Message
from mailport.policies import Policy, Stage
from mailport.receipt import Receipt
from mailport.rules import OutgoingRules


class Override(Policy):
    """Replaces To, Cc and Bcc; the original To and Cc stay readable in ``X-Mailport-Original-*`` headers."""

    name = "override"
    stage = Stage.GATE
    realises = frozenset({"email_address_override"})

    def apply(self, message: Message, account: Account) -> Message | Receipt:
        """Return the message addressed to the override addresses only, or as it is."""
        if not isinstance(account.rules, OutgoingRules) or not account.rules.email_address_override:
            return message
        kept = (("To", message.to), ("Cc", message.cc))
        headers = tuple(
            (f"X-Mailport-Original-{name}", ", ".join(address.ascii_mailbox for address in addresses))
            for name, addresses in kept
            if addresses
        )
        return message.replace(
            to=parse_list(account.rules.email_address_override),
            cc=(),
            bcc=(),
            envelope_to=None,
            headers=(*message.headers, *headers),
        )
