"""Policies: what happens to a mail by rule, one file a policy, each a pure step.

A ``Policy`` changes outgoing mail or ends its way; a ``Recogniser`` says what an incoming mail is. Both come through the hook
``mailport_policies``, ours like anybody's. None of them does I/O.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import IntEnum

from mailport.account import Account
from mailport.message import Message
from mailport.receipt import Receipt
from mailport.rules import RecognitionRules

__all__ = ["Policy", "Recogniser", "Stage"]


class Stage(IntEnum):
    """When a policy runs; the values are the order."""

    GATE = 10
    """May the message leave at all, and to whom; may it come in."""
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


class Recogniser(ABC):
    """One thing that can be seen in an incoming mail."""

    name: str
    stage: Stage

    @abstractmethod
    def recognise(self, message: Message, rules: RecognitionRules) -> object | None:
        """Return what was found, as a frozen object that names its reason, or None."""
