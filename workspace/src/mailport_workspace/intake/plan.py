"""What one poll of one inbox goes by, read fresh at its start: a change that is saved meanwhile counts from the next one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mailport import Account, Mailport
from mailport.errors import AuthenticationFailed, ConfigurationError, Throttled
from mailport.fields import Direction
from mailport.rules import IncomingRules
from mailport.transport import Cursor
from mailport_workspace.intake.verdict import Mailbox
from mailport_workspace.sealing import KeyRing
from mailport_workspace.store import TenantRows
from mailport_workspace.tables import AccountState, Inbox
from mailport_workspace.tenants.circuit import is_open
from mailport_workspace.tenants.configuration import incoming_rules
from mailport_workspace.tenants.handling import PostProcessing, default_post_processing, handling_of
from mailport_workspace.tenants.values import Stored, account_of, stored_of

__all__ = ["CircuitOpen", "HeldBack", "Plan", "action_of", "interval_of", "make_plan", "max_size_of"]


class CircuitOpen(AuthenticationFailed):
    """The credentials were refused before, and nobody has changed anything since: the server is not asked again."""


class HeldBack(Throttled):
    """The server asked to come back later, and the time is not over: it is not asked before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One inbox as it is now. ``unread`` maps the keys of messages that could not be read yet to their journal ids.

    ``has_pending`` says that messages are still to be filed. ``interval`` is in seconds, ``max_size`` in bytes; ``actions`` are
    what the mailbox does with its messages, as ``mailport.transport.Action`` writes it.
    """

    tenant: str
    inbox: str
    name: str
    version: int
    account: Account
    cursor: Cursor
    unread: Mapping[str, str]
    has_pending: bool
    actions: Mapping[Mailbox, str]
    max_size: int
    interval: int


async def make_plan(rows: TenantRows, inbox: Inbox, mailport: Mailport, ring: KeyRing, *, at: datetime) -> Plan:
    """Return the plan.

    Raises ``ConfigurationError`` where the account is not usable, ``CircuitOpen`` where credentials were refused, and
    ``HeldBack`` before the moment that its server asked for.
    """
    _refuse_closed(await rows.account_of_inbox(inbox.id), inbox, at)
    shared = incoming_rules((await rows.configuration()).values)
    stored = stored_of(inbox, ring)
    account = account_of(mailport, Direction.INCOMING, Stored({**stored.values, **shared}, stored.secrets))
    cursor = await rows.cursor(inbox.id)
    return Plan(
        tenant=inbox.tenant_id,
        inbox=inbox.id,
        name=inbox.name,
        version=inbox.version,
        account=account,
        cursor=None if cursor is None else cursor.cursor.get("cursor"),
        unread=await rows.unread(inbox.id),
        has_pending=await rows.has_pending_finishes(inbox.id),
        actions={wanted: action_of(mailport, inbox, wanted) for wanted in Mailbox},
        max_size=int(shared["max_message_size"]),
        interval=int(shared["poll_interval"]),
    )


def interval_of(values: Mapping[str, object]) -> int:
    """Return the seconds between two polls of stored configuration values, the default where they are broken."""
    return int(_rule(values, "poll_interval"))


def max_size_of(values: Mapping[str, object]) -> int:
    """Return the bytes of the largest message that is read, the default where the stored values are broken."""
    return int(_rule(values, "max_message_size"))


def _rule(values: Mapping[str, object], name: str) -> Any:
    try:
        return incoming_rules(values)[name]
    except ValueError:
        return IncomingRules.model_fields[name].default


def action_of(mailport: Mailport, inbox: Inbox | None, wanted: Mailbox) -> str:
    """Return what the mailbox shall do with a message, as ``mailport.transport.Action`` reads it.

    A failed message goes into the error folder where there are folders, and is never deleted (INB-20, INB-22).
    """
    if inbox is None or wanted is Mailbox.LEAVE:
        return "leave"
    try:
        capabilities = mailport.protocol(str(inbox.values.get("protocol", ""))).capabilities
    except ConfigurationError:  # its plugin is gone: nobody can touch the mailbox
        return "leave"
    handling = handling_of(inbox)
    if wanted is Mailbox.FAILURE:
        return f"move:{handling.error_folder}" if capabilities.folders else "leave"
    action = handling.post_processing or default_post_processing(capabilities)
    words = {PostProcessing.MOVE: f"move:{handling.archive_folder}", PostProcessing.MARK_READ: "read"}
    return words.get(action, action.value)


def _refuse_closed(state: AccountState | None, inbox: Inbox, at: datetime) -> None:
    """Ask a server nothing that refused these very settings for good (REL-06), or that wants to be left alone (REL-03)."""
    if state is None:
        return
    if is_open(state, inbox.version, at):
        said = state.circuit_error or "The mail server refused the credentials."
        raise CircuitOpen(said, code=state.circuit_code or None)
    if state.wait_until is not None and state.wait_until > at:
        seconds = (state.wait_until - at).total_seconds()
        raise HeldBack("The mail server asked to come back later.", code="read.throttled", retry_after=seconds)
