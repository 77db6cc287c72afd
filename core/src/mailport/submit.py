"""The way of an outgoing message: check, policies, session, transport, receipt."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from mailport.account import Account, check_direction
from mailport.errors import (
    ConfigurationError,
    MailportError,
    Refused,
    TimedOut,
    Uncertain,
    Unreachable,
    UnsupportedFeature,
)
from mailport.events import Event, EventKind
from mailport.fields import Direction
from mailport.message import Message
from mailport.policies import Policy
from mailport.reading.sendable import check_sendable
from mailport.receipt import Receipt, Status
from mailport.registry import Registry
from mailport.session import SessionPool
from mailport.transport import Sender, plugin_errors

__all__ = ["check_rules", "submit"]


async def submit(message: Message, account: Account, registry: Registry, pool: SessionPool) -> Receipt:
    """Send one message and tell the observers what became of it."""
    started = time.monotonic()
    try:
        receipt = await _send(message, account, registry.policies, pool)
    except MailportError as error:
        registry.observe(_event(_kind(error), message, account, started, code=error.code, receipt=error.receipt))
        raise
    kind = EventKind.SENT if receipt.with_status(Status.ACCEPTED) else EventKind.REFUSED
    registry.observe(_event(kind, message, account, started, receipt=receipt))
    return receipt


async def _send(message: Message, account: Account, policies: Sequence[Policy], pool: SessionPool) -> Receipt:
    check_direction(account, Direction.OUTGOING)
    check_rules(account, policies)
    _check(message)
    prepared = apply(message, account, policies)
    if isinstance(prepared, Receipt):
        return prepared
    try:
        return _noted(await _deliver(prepared, account, pool), prepared)
    except MailportError as error:
        error.receipt = _noted(error.receipt, prepared) if error.receipt else None
        raise


def _noted(receipt: Receipt, message: Message) -> Receipt:
    """Add what the policies changed."""
    return replace(receipt, notes=(*message.notes, *receipt.notes)) if message.notes else receipt


def check_rules(account: Account, policies: Sequence[Policy]) -> None:
    """Refuse an account whose rule nobody carries out: sending as if it were not there would be the worse answer."""
    realised = {name for policy in policies for name in policy.realises}
    for name, field in type(account.rules).model_fields.items():
        is_policy = name in _POLICY_RULES and name not in realised
        if is_policy and getattr(account.rules, name) != field.get_default(call_default_factory=True):
            raise UnsupportedFeature(
                f"No installed policy carries out “{field.title}”.",
                code="settings.policy_missing",
                field=name,
                remedy="Install the package that provides it, or reset the field.",
            )


# Rules about the message itself. The others are for the host: the timeout, and what to do with an uncertain send.
_POLICY_RULES = frozenset({"block_outgoing_email", "email_address_override", "embedded_image_type", "attach_conversation_id"})


def _check(message: Message) -> None:
    if message.original is not None:
        check_sendable(message.original, recipients_elsewhere=message.envelope_to is not None)
    if message.sender is None and message.original is not None:
        raise ConfigurationError(
            "The message has no From address.", code="message.from_missing", field="from", remedy="Add a From header."
        )
    if not message.recipients:
        raise ConfigurationError(
            "The message has no recipient.", code="message.no_recipient", field="to", remedy="Add a To, Cc or Bcc address."
        )


def apply(message: Message, account: Account, policies: Sequence[Policy]) -> Message | Receipt:
    """Return the message after every policy, or the receipt of the one that ended its way."""
    for policy in policies:
        outcome = policy.apply(message, account)
        if isinstance(outcome, Receipt):
            return outcome
        message = outcome
    return message


async def _deliver(message: Message, account: Account, pool: SessionPool) -> Receipt:
    """Hand the message to a session; once more where a reused connection turned out to be stale before the hand-over."""
    async with pool.lend(account) as lent:
        try:
            return await _hand_over(message, lent.sender)
        except Unreachable as error:
            if not lent.reused or isinstance(error, TimedOut):
                raise
    pool.drop_idle(account)
    async with pool.lend(account) as lent:
        return await _hand_over(message, lent.sender)


async def _hand_over(message: Message, sender: Sender) -> Receipt:
    with plugin_errors("send"):
        return await sender.send(message)


def _kind(error: MailportError) -> EventKind:
    if isinstance(error, Uncertain):
        return EventKind.UNCERTAIN
    return EventKind.REFUSED if isinstance(error, Refused) else EventKind.FAILED


def _event(
    kind: EventKind, message: Message, account: Account, started: float, *, code: str = "", receipt: Receipt | None
) -> Event:
    return Event(
        kind=kind,
        protocol=account.protocol,
        user_name=account.user_name,
        message=message.message_id,
        seconds=time.monotonic() - started,
        code=code,
        receipt=receipt,
    )
