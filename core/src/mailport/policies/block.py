"""Block Outgoing Email: nothing leaves, the receipt says so (SND-07)."""

from __future__ import annotations

from mailport.account import Account
from mailport.message import Message
from mailport.policies import Policy, Stage
from mailport.receipt import Receipt, Status
from mailport.rules import OutgoingRules


class Block(Policy):
    """Ends the way of every message while the account's rule is on."""

    name = "block"
    stage = Stage.GATE
    realises = frozenset({"block_outgoing_email"})

    def apply(self, message: Message, account: Account) -> Message | Receipt:
        """Return a receipt with every recipient blocked, or the message as it is."""
        if not isinstance(account.rules, OutgoingRules) or not account.rules.block_outgoing_email:
            return message
        text = "Block Outgoing Email is on."
        return Receipt.for_all(message.message_id, message.recipients, Status.BLOCKED, text=text)
