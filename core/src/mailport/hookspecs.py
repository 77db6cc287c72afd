"""The hooks. They are called at discovery or once per session, are synchronous, and return objects that do the work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:  # a plugin module imports this one: discovery stays cheap
    from collections.abc import Iterable

    from mailport.account import Account
    from mailport.events import Event
    from mailport.fields import ProtocolFields
    from mailport.policies import Policy, Recogniser
    from mailport.services import Services
    from mailport.transport import Probe, Receiver, Sender

__all__ = ["PROJECT", "hookimpl", "hookspec"]

PROJECT = "mailport"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def mailport_fields() -> Iterable[ProtocolFields]:  # type: ignore[empty-body]
    """Declare the protocols of this package, as data. Called once, at discovery; must import no protocol library."""


@hookspec(firstresult=True)
def mailport_send(account: Account, services: Services) -> Sender | None:
    """Return an unopened sender for ``account``. Called once per session; the pool opens, lends and closes it."""


@hookspec(firstresult=True)
def mailport_receive(account: Account, services: Services) -> Receiver | None:
    """Return an unopened receiver for ``account``. Called once per poll."""


@hookspec(firstresult=True)
def mailport_test_connection(account: Account, services: Services) -> Probe | None:
    """Return the protocol's steps of the diagnosis ladder. Called once per Test Connection."""


@hookspec
def mailport_policies() -> Iterable[Policy | Recogniser]:  # type: ignore[empty-body]
    """Contribute policies for outgoing and recognisers for incoming mail. Called once, at discovery."""


@hookspec
def mailport_observe(event: Event) -> None:
    """Learn what happened: metrics, audit. Called after the fact; a failure is logged and stops nothing."""
