"""The host: owns plugins, sessions and what they share. Start reading here."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from mailport.account import Account, check_component, check_direction, validate
from mailport.diagnosis import Report, RungResult, SessionProbe, diagnose, failed_settings
from mailport.egress import EgressPolicy
from mailport.errors import ConfigurationError, MailportError, PluginError
from mailport.fields import ComponentType, Direction, ProtocolFields
from mailport.message import Message
from mailport.policies import builtin
from mailport.poll import Round, poll
from mailport.receipt import Receipt
from mailport.recognition import recognise
from mailport.registry import PluginReport, Rediscovery, Registry
from mailport.rules import RecognitionRules
from mailport.services import Services
from mailport.session import SessionLimits, SessionPool
from mailport.submit import submit
from mailport.tokens import TokenCache
from mailport.transport import Cursor, Probe, Receiver, Sender, plugin_errors

__all__ = ["Mailport"]

Made = TypeVar("Made")

_log = logging.getLogger(__name__)


class Mailport:
    """Sends and receives mail for any number of accounts; use it with ``async with`` in one event loop.

    ``plugins`` are plugin objects of the host's own, before the installed ones. ``egress`` says which hosts accounts may
    reach, ``local_root`` below which folder transports may keep mail on this machine. ``allow_legacy_tls`` lets Basic
    inboxes speak TLS 1.0; ``default_component_type`` counts for incoming accounts that do not say theirs. ``tokens`` keeps
    access tokens; a host of several processes shares them there.
    """

    def __init__(
        self,
        *,
        plugins: Iterable[object] = (),
        discover: bool = True,
        egress: EgressPolicy | None = None,
        local_root: Path | str | None = None,
        allow_legacy_tls: bool = False,
        default_component_type: ComponentType = ComponentType.ADVANCED,
        limits: SessionLimits | None = None,
        tokens: TokenCache | None = None,
        client_name: str = "localhost.localdomain",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._registry = Registry((builtin, *plugins), discover=discover)
        self._allow_legacy_tls = allow_legacy_tls
        self._default_component_type = default_component_type
        self._services = Services(
            egress=egress or EgressPolicy(),
            tokens=tokens or TokenCache(clock),
            local_root=Path(local_root) if local_root is not None else None,
            client_name=client_name,
            clock=clock,
        )
        self._weak: set[str] = set()
        self._pool = SessionPool(self._sender, limits or SessionLimits(), clock)

    def __repr__(self) -> str:
        return f"<Mailport {self._registry!r} {self._pool!r}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Finish what is under way and close every session."""
        await self._pool.close()

    def protocols(self) -> tuple[ProtocolFields, ...]:
        """Return the installed protocols, by title."""
        return self._registry.protocols

    def protocol(self, key: str) -> ProtocolFields:
        """Return one installed protocol. Raises ``ConfigurationError`` that says which there are."""
        return self._registry.protocol(key)

    def plugins(self) -> tuple[PluginReport, ...]:
        """Return every plugin that was found: loaded, or failed and why."""
        return tuple(report for report in self._registry.reports if report.distribution or report.protocols or report.error)

    def rediscover(self) -> Rediscovery:
        """Load plugins that were installed since; what was uninstalled stays active until a restart, and is named."""
        return self._registry.rediscover()

    def account(self, values: Mapping[str, Any], direction: Direction | str = Direction.OUTGOING) -> Account:
        """Return the account that flat ``values`` describe. Raises ``ConfigurationError`` naming every field at fault."""
        towards = Direction(direction)
        if not isinstance(values.get("protocol"), str):
            raise _no_protocol(self.protocols())
        if towards is Direction.INCOMING:
            values = {"email_component_type": self._default_component_type} | dict(values)
        account = validate(self.protocol(values["protocol"]), towards, values, self.protocols())
        self._check_legacy_tls(account)
        return account

    async def submit(self, message: Message, account: Account) -> Receipt:
        """Send one message; may be called concurrently. Returns the receipt, raises a ``MailportError``."""
        return await submit(message, account, self._registry, self._pool)

    def capacity(self, account: Account) -> int:
        """Return how many messages this account can have under way at once, as far as its open sessions tell; more wait."""
        return self._pool.capacity(account)

    @asynccontextmanager
    async def poll(self, account: Account, cursor: Cursor = None, limit: int | None = None) -> AsyncIterator[Round]:
        """Read the mailbox once, from ``cursor`` on, at most ``limit`` messages."""
        async with poll(account, self._receiver(account), cursor, limit, self._registry.observe) as round_:
            yield round_

    def recognise(self, message: Message, rules: RecognitionRules) -> Mapping[str, object]:
        """Say what an incoming message is: the findings of every recogniser, by its name."""
        return recognise(message, rules, self._registry.recognisers)

    async def find(self, message_id: str, account: Account) -> bool | None:
        """Say whether a message left through this account; None where the protocol cannot tell."""
        check_direction(account, Direction.OUTGOING)
        async with self._pool.lend(account) as lent:
            with plugin_errors("look a message up"):
                return await lent.sender.find(message_id)

    async def test_connection(
        self,
        account: Account,
        *,
        send: bool = False,
        round_trip: Account | None = None,
        on_rung: Callable[[RungResult], None] | None = None,
    ) -> Report:
        """Check an account rung by rung, on sessions of its own.

        With ``send`` one test mail goes to User Name if the connection works; with ``round_trip``, an incoming account of
        the same mailbox, that mail is looked for. ``on_rung`` is told each result as it comes.
        """
        try:
            probe = self._probe(account)
        except MailportError as error:
            return failed_settings(error)
        return await diagnose(
            account,
            probe,
            self._services,
            policies=self._registry.policies,
            sender=(lambda: self._sender(account)) if send else None,
            receiver=(lambda: self._receiver(round_trip)) if round_trip else None,
            mailbox=round_trip.user_name if round_trip else "",
            on_rung=on_rung,
        )

    def _sender(self, account: Account) -> Sender:
        self._tell_weaknesses(account)
        return _made(self._registry.bind("mailport_send", account, self._services, Sender), account)

    def _receiver(self, account: Account) -> Receiver:
        check_direction(account, Direction.INCOMING)
        check_component(self.protocol(account.protocol), account)
        self._tell_weaknesses(account)
        return _made(self._registry.bind("mailport_receive", account, self._services, Receiver), account)

    def _probe(self, account: Account) -> Probe:
        self._tell_weaknesses(account)
        probe = self._registry.bind("mailport_test_connection", account, self._services, Probe)
        if probe is not None:
            return probe
        return SessionProbe(self._sender(account) if account.direction is Direction.OUTGOING else self._receiver(account))

    def _tell_weaknesses(self, account: Account) -> None:
        """Log, once for each account, what weakens its connections (SEC-02)."""
        if account.weaknesses and account.key not in self._weak:
            self._weak.add(account.key)
            _log.warning("%s (%s) %s", account.user_name, account.protocol, "; ".join(account.weaknesses))

    def _check_legacy_tls(self, account: Account) -> None:
        if account.component is ComponentType.BASIC and account.tls and not self._allow_legacy_tls:
            raise ConfigurationError(
                "Component type Basic speaks TLS 1.0, which this deployment does not allow.",
                code="settings.legacy_tls",
                field=account.settings.tls_field,
                remedy="Choose Advanced.",
            )


def _made(made: Made | None, account: Account) -> Made:
    if made is None:
        raise PluginError(f"The plugin of “{account.protocol}” declares {account.direction} mail and makes nothing for it.")
    return made


def _no_protocol(installed: Iterable[ProtocolFields]) -> ConfigurationError:
    known = ", ".join(sorted(protocol.key for protocol in installed))
    return ConfigurationError(
        "Mail Protocol is required.",
        code="settings.missing",
        field="protocol",
        remedy=f"Choose one of: {known}." if known else "Install the package of a protocol.",
    )
