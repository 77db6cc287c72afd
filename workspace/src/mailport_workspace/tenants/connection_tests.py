"""Test Connection: asked for by a person, run by a worker where the mail will leave, told rung by rung."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from mailport import Account, Mailport
from mailport.diagnosis import Report, RungResult, failed_settings
from mailport.errors import ConfigurationError, MailportError, NotFound, Throttled, TimedOut
from mailport.fields import Direction
from mailport_workspace.engines import Engine
from mailport_workspace.observing.context import working_on
from mailport_workspace.sealing import KeyRing, Place
from mailport_workspace.store import Store
from mailport_workspace.tables import ConnectionTest, new_id, now
from mailport_workspace.tenants.actor import Actor
from mailport_workspace.tenants.circuit import OUTGOING, close_circuit
from mailport_workspace.tenants.configuration import Configurations
from mailport_workspace.tenants.inboxes import Inboxes
from mailport_workspace.tenants.values import account_of, split, stored_of

__all__ = ["KIND", "LOST", "NEW_INBOX", "OUTGOING", "ConnectionTests", "Progress"]

KIND = "connection_test"
"""The kind of its jobs; the key is the test's id."""
NEW_INBOX = "new"
"""The subject of an inbox that is not stored yet."""
AT_ONCE = 4
"""Tests of one tenant that wait or run: each holds a place of a worker while a server is silent, and others want theirs."""
LOST = timedelta(minutes=20)
"""After this time without an end a test was lost with its worker: it takes at most Send Mail Timeout, 1000 seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a test is: ``waiting``, ``running`` or ``finished``, and its report so far.

    ``report`` is as ``mailport.diagnosis.Report.as_dict`` returns it; ``passed`` is None in it until the end.
    """

    id: str
    subject: str
    state: str
    report: Mapping[str, Any]
    created_at: datetime
    finished_at: datetime | None


class ConnectionTests:
    """The tests of all tenants."""

    def __init__(
        self,
        store: Store,
        configurations: Configurations,
        inboxes: Inboxes,
        *,
        mailport: Mailport,
        ring: KeyRing,
        engine: Engine,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._store = store
        self._configurations = configurations
        self._inboxes = inboxes
        self._mailport = mailport
        self._ring = ring
        self._engine = engine
        self._clock = clock

    async def announcement(self, actor: Actor, subject: str, form: Mapping[str, Any] | None = None) -> str:
        """Say what a test will do, before it does it (TST-01)."""
        account = await self._account(actor, subject, form)
        if account.direction is Direction.INCOMING:
            return f"This checks the connection of {account.user_name}, step by step. It changes nothing in the mailbox."
        return f"This checks the connection. If that works, it sends a test mail to {account.user_name}."

    async def ask(self, actor: Actor, subject: str, form: Mapping[str, Any] | None = None, *, round_trip: bool = False) -> str:
        """Ask a worker for a test of what is stored, or of an unsaved ``form``; return its id.

        With ``round_trip`` the test mail is looked for by the inbox of the same mailbox. Raises ``ConfigurationError`` for a
        form that is not complete, also where a stored secret is not bound to it (TST-08), and ``Throttled``.
        """
        account = await self._account(actor, subject, form)
        if round_trip:
            await self._same_mailbox(actor.tenant, account)
        test = ConnectionTest(id=new_id(), tenant_id=actor.tenant, subject=subject, user_id=actor.user, round_trip=round_trip)
        test.values, test.secrets, test.report = {}, {}, Report(rungs=()).as_dict() | {"passed": None}
        if form is not None:
            self._keep(test, account)
        async with self._store.write(actor.tenant) as rows:
            if await rows.unfinished_tests() >= AT_ONCE:
                raise _too_many()
            await rows.add(test)
        await self._engine.enqueue(KIND, test.id)
        return test.id

    async def read(self, actor: Actor, test: str) -> Progress:
        """Say how far a test is. Raises ``NotFound``, also some days after its end."""
        actor.require_administrator()
        async with self._store.read(actor.tenant) as rows:
            return _progress(await rows.connection_test(test))

    async def last(self, actor: Actor, subject: str) -> dict[str, Any]:
        """Return the last result: the report, with ``at`` as ISO text and what went wrong as ``message``; empty without one."""
        actor.require_administrator()
        async with self._store.read(actor.tenant) as rows:
            result, at = await rows.last_test(subject)
        return {**result, "at": at.isoformat()} if at is not None else {}

    async def clear(self, actor: Actor, subject: str) -> None:
        """Empty the last result, and change nothing else (TST-06)."""
        actor.require_administrator()
        async with self._store.write(actor.tenant) as rows:
            state = await rows.account_state(subject)
            if state is not None:
                state.test_result, state.tested_at = {}, None

    async def run(self, test: str) -> None:
        """Run a test that was asked for; one that is gone or finished is left alone."""
        async with self._store.survey() as every:
            tenant = await every.tenant_of_test(test)
        if tenant is None:
            return
        with working_on(tenant=tenant):
            claimed = await self._claim(tenant, test)
            if claimed is None:
                return
            try:
                report = await self._climb(claimed)
            except asyncio.CancelledError:
                await self._give_back(tenant, test)
                raise
            await self._finish(claimed, report)

    async def _claim(self, tenant: str, test: str) -> ConnectionTest | None:
        """Take a test. What a worker began and lost is not begun again: its mail may have left."""
        async with self._store.write(tenant) as rows:
            row = await rows.connection_test(test, for_update=True)
            if row.finished_at is not None:
                return None
            if row.lease is None:
                row.lease, row.leased_at = new_id(), self._clock()
                return row
        if row.leased_at is not None and row.leased_at < self._clock() - LOST:
            await self._finish(row, _lost())
        return None

    async def _give_back(self, tenant: str, test: str) -> None:
        """End a test whose worker must stop, as one that is lost: it says so at once."""
        async with self._store.write(tenant) as rows:
            row = await rows.connection_test(test)
        await self._finish(row, _lost())

    async def _climb(self, test: ConnectionTest) -> Report:
        """Climb the ladder and tell every rung as it comes."""
        rungs: asyncio.Queue[RungResult | None] = asyncio.Queue()
        telling = asyncio.create_task(self._tell(test, rungs))
        try:
            account = await self._tested(test)
            return await self._mailport.test_connection(
                account,
                send=account.direction is Direction.OUTGOING,
                round_trip=await self._same_mailbox(test.tenant_id, account) if test.round_trip else None,
                on_rung=rungs.put_nowait,
            )
        except MailportError as error:
            return failed_settings(error)
        finally:
            rungs.put_nowait(None)
            await telling

    async def _tell(self, test: ConnectionTest, rungs: asyncio.Queue[RungResult | None]) -> None:
        told: list[dict[str, Any]] = []
        while (rung := await rungs.get()) is not None:
            told.append(asdict(rung))
            try:
                async with self._store.write(test.tenant_id) as rows:
                    row = await rows.connection_test(test.id, for_update=True)
                    row.report = {"passed": None, "rungs": list(told)}
            except MailportError:  # the database is away, or the test was deleted: the end will tell
                continue

    async def _finish(self, test: ConnectionTest, report: Report) -> None:
        """Store the result in place of the former one, and forget the secrets of the request."""
        was_stored = not test.values
        async with self._store.write(test.tenant_id) as rows:
            row = await rows.connection_test(test.id, for_update=True)
            if row.finished_at is not None:
                return
            row.report, row.secrets, row.finished_at = report.as_dict(), {}, self._clock()
            if test.subject != NEW_INBOX:
                state = await rows.ensure_account_state(test.subject)
                state.test_result, state.tested_at = _result(report), row.finished_at
            if report.passed and was_stored:
                await close_circuit(rows, test.subject)

    def _keep(self, test: ConnectionTest, account: Account) -> None:
        """Put the settings of an unsaved form into the request, the secrets sealed for it."""
        form = split(account, self._mailport.protocol(account.protocol))
        test.values = {**form.values, **({"custom": dict(form.custom)} if form.custom else {})}
        test.secrets = {name: self._ring.seal(secret, Place.of(test, name)) for name, secret in form.secrets.items()}

    async def _account(self, actor: Actor, subject: str, form: Mapping[str, Any] | None) -> Account:
        actor.require_administrator()
        if form is None:
            return await self._stored(actor.tenant, subject)
        if subject == OUTGOING:
            return await self._configurations.unsaved_account(actor, form)
        return await self._inboxes.unsaved_account(actor, None if subject == NEW_INBOX else subject, form)

    async def _stored(self, tenant: str, subject: str) -> Account:
        if subject == OUTGOING:
            return await self._configurations.account(tenant)
        return await self._inboxes.account(tenant, subject)

    async def _tested(self, test: ConnectionTest) -> Account:
        if not test.values:
            return await self._stored(test.tenant_id, test.subject)
        direction = Direction.OUTGOING if test.subject == OUTGOING else Direction.INCOMING
        return account_of(self._mailport, direction, stored_of(test, self._ring))

    async def _same_mailbox(self, tenant: str, account: Account) -> Account:
        """Return the incoming account of the mailbox that the test mail goes to. Raises ``ConfigurationError``."""
        async with self._store.read(tenant) as rows:
            inboxes = [inbox.id for inbox in await rows.readable_inboxes()]
        for inbox in inboxes:
            try:
                incoming = await self._inboxes.account(tenant, inbox)
            except (ConfigurationError, NotFound):
                continue
            if incoming.user_name.lower() == account.user_name.lower():
                return incoming
        raise ConfigurationError(
            f"No enabled inbox reads the mailbox of {account.user_name}, so nothing can look for the test mail there.",
            code="settings.round_trip",
            field="user_name",
            remedy="Test without the way back, or set up an inbox for that mailbox.",
        )


def _progress(row: ConnectionTest) -> Progress:
    state = "finished" if row.finished_at else "running" if row.lease else "waiting"
    return Progress(
        id=row.id,
        subject=row.subject,
        state=state,
        report=dict(row.report),
        created_at=row.created_at,
        finished_at=row.finished_at,
    )


def _result(report: Report) -> dict[str, Any]:
    cause = report.cause
    told = {name: getattr(cause, name) for name in ("code", "field", "remedy")} | {"message": cause.said} if cause else {}
    return {**report.as_dict(), **told}


def _too_many() -> Throttled:
    return Throttled(
        f"{AT_ONCE} connection tests of yours are under way.",
        code="settings.tests_under_way",
        retry_after=10.0,
        remedy="Wait until one of them has ended.",
    )


def _lost() -> Report:
    return failed_settings(
        TimedOut("The worker ended before the test did.", code="settings.test_lost", remedy="Test once more.")
    )
