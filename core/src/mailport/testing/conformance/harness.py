"""What the cases need to know of a plugin and of the server it talks to: a plugin's test says it in one class.

A harness is made anew for each test. It says which ``Feature`` it supports; the cases that need another one are skipped
and say so. What a *protocol* can do (folders, look-up, ...) is not repeated here: the cases read its ``Capabilities``.
"""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, TypeVar, cast

import pytest

from mailport.account import Account, validate
from mailport.fields import Direction, ProtocolFields
from mailport.services import Services
from mailport.transport import Probe, Receiver, Sender

__all__ = ["Feature", "Harness", "ReceiverHarness", "SenderHarness", "Stored", "needs"]


class Feature(StrEnum):
    """What not every protocol, server or test set-up can do."""

    CREDENTIALS = "credentials that can be wrong"
    UNCHANGED_SENT = "bytes that arrive as they were sent"
    UNCHANGED_READ = "bytes that are read as they were stored"
    ENVELOPE = "recipients apart from the headers"
    RECIPIENTS = "telling whom a message reached"
    RECIPIENT_VERDICTS = "a verdict for each recipient"
    REFUSED_MESSAGES = "a message that is refused after it was read"
    CURSOR_PER_DELIVERY = "a cursor with each delivery"
    FORGOTTEN_CURSORS = "a server that forgets cursors"
    NEW_KEYS = "the new key of a moved message"
    REMOVAL = "messages that vanish while a session is open"
    CONNECTIONS = "counting connections"
    SIGN_INS = "counting failed sign-ins"
    SILENCE = "a server that stays silent"
    THROTTLING = "a server that asks to come back later"
    CUT_BEFORE_HANDOVER = "a connection that breaks before the last byte of a message"
    CUT_AFTER_HANDOVER = "a connection that breaks after the last byte of a message"
    HELD_BODIES = "a message that is held before its last byte"
    HELD_ANSWERS = "a message that is held after its last byte"


@dataclass(frozen=True, slots=True)
class Stored:
    """A message in the mailbox as somebody sees it who does not use the transport."""

    raw: bytes
    seen: bool = False


class Harness(ABC):
    """One plugin, one protocol, one server.

    ``plugin`` has the hook implementations: the module ``mailport_<name>.plugin``, or an object. ``patience`` is how many
    seconds the cases wait for something that must happen.
    """

    protocol: ProtocolFields
    plugin: Any
    supports: frozenset[Feature] = frozenset()
    services: Services = Services()
    patience: float = 10.0

    @abstractmethod
    def values(self, direction: Direction) -> dict[str, Any]:
        """Return settings that work, as a host stores them."""

    @abstractmethod
    async def snapshot(self) -> object:
        """Return all that the mail system holds, to be compared before and after something that leaves no trace."""

    def wrong_credentials(self, direction: Direction) -> dict[str, Any]:
        """Return the settings to change so that the server refuses to sign us in (CREDENTIALS)."""
        raise _undefined(self, Feature.CREDENTIALS)

    @property
    def connections(self) -> int:
        """How many connections the server has seen (CONNECTIONS)."""
        raise _undefined(self, Feature.CONNECTIONS)

    @property
    def open_connections(self) -> int:
        """How many of them are open now (CONNECTIONS)."""
        raise _undefined(self, Feature.CONNECTIONS)

    @property
    def failed_sign_ins(self) -> int:
        """How often the server refused credentials (SIGN_INS)."""
        raise _undefined(self, Feature.SIGN_INS)

    def silence(self) -> None:
        """From now on the server answers nothing (SILENCE)."""
        raise _undefined(self, Feature.SILENCE)

    def throttle(self) -> float | None:
        """From now on the server asks to come back later; return after how many seconds, if it says so (THROTTLING)."""
        raise _undefined(self, Feature.THROTTLING)

    def account(self, direction: Direction, *, timeout: float | None = None, **changes: Any) -> Account:
        """Return the account of ``values``, some of them changed; ``timeout`` replaces the account's own."""
        account = validate(self.protocol, direction, self.values(direction) | changes)
        return account if timeout is None else _impatient(account, timeout)

    def sender(self, account: Account | None = None, **changes: Any) -> Sender:
        """Return an unopened sender, as a host would get it."""
        account = account or self.account(Direction.OUTGOING, **changes)
        made = self.plugin.mailport_send(account=account, services=self.services)
        assert isinstance(made, Sender), f"mailport_send returned {made!r}"
        return made

    def receiver(self, account: Account | None = None, **changes: Any) -> Receiver:
        """Return an unopened receiver, as a host would get it."""
        account = account or self.account(Direction.INCOMING, **changes)
        made = self.plugin.mailport_receive(account=account, services=self.services)
        assert isinstance(made, Receiver), f"mailport_receive returned {made!r}"
        return made

    def probe(self, account: Account) -> Probe:
        """Return the steps of Test Connection, as a host would get them."""
        made = self.plugin.mailport_test_connection(account=account, services=self.services)
        assert isinstance(made, Probe), f"mailport_test_connection returned {made!r}"
        return made


class SenderHarness(Harness):
    """What the cases of a sender need."""

    @abstractmethod
    async def arrived(self, address: str, count: int = 1) -> list[bytes]:
        """Return what reached ``address``, with CRLF line ends.

        Wait until there are ``count`` messages, but not for ever; return all that are there. A server may have put trace
        headers in front. Where recipients cannot be told apart (a folder on disk), everything reached everybody.
        """

    def recipient(self, name: str) -> str:
        """Return an address for which the server takes mail; the same for the same name."""
        return f"{name}@example.test"

    @property
    def from_address(self) -> str:
        """The From address of the kit's messages."""
        return self.account(Direction.OUTGOING).user_name or self.recipient("sender")

    def refuse(self, address: str) -> None:
        """From now on the server refuses this recipient for good (RECIPIENT_VERDICTS)."""
        raise _undefined(self, Feature.RECIPIENT_VERDICTS)

    def defer(self, address: str) -> None:
        """From now on the server refuses this recipient for now (RECIPIENT_VERDICTS)."""
        raise _undefined(self, Feature.RECIPIENT_VERDICTS)

    def refuse_messages(self) -> None:
        """From now on the server refuses every message after it was read (REFUSED_MESSAGES)."""
        raise _undefined(self, Feature.REFUSED_MESSAGES)

    def cut_before_handover(self) -> None:
        """Until ``heal``, the connection breaks when a message is under way and its last byte was not written."""
        raise _undefined(self, Feature.CUT_BEFORE_HANDOVER)

    def cut_after_handover(self) -> None:
        """Until ``heal``, the connection breaks when a message was handed over, instead of an answer."""
        raise _undefined(self, Feature.CUT_AFTER_HANDOVER)

    def heal(self) -> None:
        """Let the server work again as it should (CUT_BEFORE_HANDOVER, CUT_AFTER_HANDOVER)."""
        raise _undefined(self, Feature.CUT_BEFORE_HANDOVER)

    def holding_bodies(self) -> AbstractContextManager[None]:
        """Inside the block no message gets past its last byte; after it, those that still want to (HELD_BODIES)."""
        raise _undefined(self, Feature.HELD_BODIES)

    def holding_answers(self) -> AbstractContextManager[None]:
        """Inside the block the server takes messages and does not answer; after it, it does (HELD_ANSWERS)."""
        raise _undefined(self, Feature.HELD_ANSWERS)

    @property
    def under_way(self) -> int:
        """How many messages the server has begun to take without having answered (HELD_BODIES, HELD_ANSWERS)."""
        raise _undefined(self, Feature.HELD_ANSWERS)


class ReceiverHarness(Harness):
    """What the cases of a receiver need. The mailbox is empty at the start."""

    @abstractmethod
    async def deliver(self, raw: bytes) -> None:
        """Put a message into the mailbox that ``receiver`` reads."""

    @abstractmethod
    async def stored(self, folder: str | None = None) -> list[Stored]:
        """Return the messages of the mailbox, or of another folder in it, with CRLF line ends; empty if there is none."""

    async def snapshot(self) -> object:
        """Return what is in the mailbox."""
        return await self.stored()

    async def remove_all(self) -> None:
        """Remove every message from the mailbox behind the receiver's back (REMOVAL)."""
        raise _undefined(self, Feature.REMOVAL)

    def forget_cursors(self) -> None:
        """Make every cursor void (FORGOTTEN_CURSORS)."""
        raise _undefined(self, Feature.FORGOTTEN_CURSORS)


Case = TypeVar("Case", bound=Callable[..., Coroutine[Any, Any, None]])


def needs(*features: Feature) -> Callable[[Case], Case]:
    """Skip a case where the harness lacks one of ``features``."""

    def decorate(case: Case) -> Case:
        @functools.wraps(case)
        async def checked(self: object, harness: Harness, **more: Any) -> None:
            lacking = [str(feature) for feature in features if feature not in harness.supports]
            if lacking:
                pytest.skip(f"{type(harness).__name__} does not support: {', '.join(lacking)}")
            await case(self, harness, **more)

        return cast("Case", checked)

    return decorate


def _undefined(harness: Harness, feature: Feature) -> AssertionError:
    """Return what to raise where a harness declares a feature and does not say how: the case must not pass by itself."""
    return AssertionError(f"{type(harness).__name__} supports “{feature}” and does not define how")


class _ImpatientAccount(Account):
    """An account whose timeout a test chose; incoming accounts have no setting for it."""

    @property
    def timeout(self) -> float:
        """The test's own."""
        return float(self.custom["timeout"])


def _impatient(account: Account, timeout: float) -> Account:
    given = {field.name: getattr(account, field.name) for field in fields(account)}
    return _ImpatientAccount(**given | {"custom": {"timeout": timeout}})
