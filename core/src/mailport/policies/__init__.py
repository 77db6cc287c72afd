"""Policies: what happens to a mail by rule, one file a policy, each a pure step.

They come through the hook ``mailport_policies``, ours like anybody's.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import IntEnum

from mailport.account import Account
from mailport.message import Message
from mailport.receipt import Receipt

__all__ = ["Policy", "Stage"]


class Stage(IntEnum):
    """When a policy runs; the values are the order."""

    GATE = 10
    """May the message leave at all, and to whom."""
    CONTENT = 20
    """What it says."""
    HEADERS = 30
    """What its headers say."""


class Policy(ABC):
    """One rule for outgoing mail.

    ``realises`` names the rule fields that this policy carries out: an account that sets a rule which no installed policy
    realises is refused before anything leaves.
    """

    name: str
    stage: Stage
    realises: frozenset[str] = frozenset()

    @abstractmethod
    def apply(self, message: Message, account: Account) -> Message | Receipt:
        """Return the message to send, or the receipt that ends its way here."""
