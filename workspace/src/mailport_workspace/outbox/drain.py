"""Sending what is due through the account of one tenant: claim, note, hand over, write down; one drainer at a time.

A mail is ``sending`` in the database before the server sees it. The results of one group and the beginning of the next share a
commit, and while that is made another group is under way: mail servers do not wait for the database, nor it for them. A crash
leaves at most two ``Limits.group`` of mails uncertain, which are looked up and never blindly sent again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from mailport import Account, Mailport
from mailport.errors import ConfigurationError, MailportError, Unreachable
from mailport_workspace.observing.context import working_on
from mailport_workspace.observing.traces import span
from mailport_workspace.outbox.accounts import Accounts
from mailport_workspace.outbox.delivery import deliver, lost
from mailport_workspace.outbox.flight import Flight
from mailport_workspace.outbox.rate import rate_limit_of
from mailport_workspace.outbox.retry import FIRST_LOOKUP, Decision, RetryRules
from mailport_workspace.outbox.settle import LeaseLost, Settling
from mailport_workspace.outbox.uncertain import look_up
from mailport_workspace.queries.draining import ClaimedMail, Situation
from mailport_workspace.store import Store, TenantRows
from mailport_workspace.tables import OutboxState, now
from mailport_workspace.tables.base import new_id
from mailport_workspace.tenants.circuit import OUTGOING, close_circuit, closes_by_itself, is_halted, open_circuit

__all__ = ["Drain", "Draining", "Limits", "Stage"]

_log = logging.getLogger(__name__)

Stage = Callable[[str], None]
"""Is told the name of every stage that was reached: ``claimed``, ``sending-committed``, ``answered``, ``result-committed``."""

_UNKNOWN = Decision(state=OutboxState.UNCERTAIN, wait=FIRST_LOOKUP)
_REFUSED_SETTINGS = 300.0
"""Seconds after which settings that cannot be used are looked at again; their plugin may be there by then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How a drainer works.

    ``group`` is how many mails may share a commit, and two groups may be sending at once; ``linger`` is how many seconds an
    answer waits for others to share its commit; ``bytes`` limits what is held in memory; after ``run_for`` seconds the next
    drainer's turn comes; for the rate limit it waits at most ``nap`` seconds; results wait ``patience`` seconds for a database
    that is away.
    """

    group: int = 20
    linger: float = 0.05
    bytes: int = 32 * 1024 * 1024
    run_for: float = 10.0
    nap: float = 2.0
    patience: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Draining:
    """What all drainers of a process share. ``clock`` says what time it is."""

    store: Store
    mailport: Mailport
    accounts: Accounts
    rules: RetryRules
    limits: Limits = Limits()
    clock: Callable[[], datetime] = now
    reached: Stage = lambda _: None


class Drain:
    """One drainer: ``run`` it once."""

    def __init__(self, draining: Draining, tenant: str) -> None:
        self._tools = draining
        self._tenant = tenant
        self._lease = new_id()
        self._account: Account | None = None
        self._version = 0
        self._claimed: list[ClaimedMail] = []
        self._flight = Flight()
        self._opens_at: datetime | None = None
        self._ends_at = 0.0
        self._is_stopped = False

    async def run(self) -> bool:
        """Send what is due; say whether there is more."""
        self._ends_at = asyncio.get_running_loop().time() + self._tools.limits.run_for
        with working_on(tenant=self._tenant):
            try:
                if await self._begin():
                    while await self._look_for_uncertain():
                        pass
                    while await self._round():
                        pass
            except LeaseLost:
                _log.warning("Another drainer took over; this one stops.")
                self._flight.answers.clear()
            finally:
                await self._give_back()
        return self._is_over and not self._is_stopped

    @property
    def _is_over(self) -> bool:
        return asyncio.get_running_loop().time() >= self._ends_at

    async def _begin(self) -> bool:
        """Take over what a lost drainer left; say whether anything may leave."""
        moment = self._tools.clock()
        async with self._tools.store.write(self._tenant) as rows:
            orphans = await rows.take_over(self._lease, moment)
            if orphans:
                await self._settling(rows, moment).delivered([lost(mail, moment, _UNKNOWN) for mail in orphans])
            situation = await self._situation(rows, moment)
        return not is_halted(situation, moment) and await self._follow(situation)

    async def _situation(self, rows: TenantRows, moment: datetime) -> Situation:
        situation = await rows.situation(OUTGOING)
        if closes_by_itself(situation, moment):
            await close_circuit(rows, OUTGOING)
        return situation

    async def _follow(self, situation: Situation) -> bool:
        """Use the account as it is now; where it cannot be used, say so where people see it, and stop (CFG-05)."""
        try:
            self._account = await self._tools.accounts.account(self._tenant, situation.version)
        except MailportError as error:
            if isinstance(error, Unreachable):  # the database, not the mail server
                raise
            async with self._tools.store.write(self._tenant) as rows:
                await open_circuit(
                    rows,
                    OUTGOING,
                    error,
                    version=situation.version,
                    moment=self._tools.clock(),
                    pause=_REFUSED_SETTINGS if isinstance(error, ConfigurationError) else None,
                )
            return False
        self._version = situation.version
        return True

    async def _look_for_uncertain(self) -> bool:
        """Find out about mails without an answer before anything else is sent (SND-28); say whether there may be more."""
        moment = self._tools.clock()
        async with self._tools.store.write(self._tenant) as rows:
            mails = await rows.claim_uncertain(self._lease, moment, self._tools.limits.group)
        if not mails or self._account is None:
            return False
        looks = (look_up(self._tools.mailport, self._account, mail, self._tools.rules) for mail in mails)
        found = await asyncio.gather(*looks)
        async with self._tools.store.write(self._tenant) as rows:
            await self._settling(rows, self._tools.clock()).looked_up(found)
        return len(mails) == self._tools.limits.group and not self._is_over

    async def _round(self) -> bool:
        """One group: note, hand over, and wait for answers where no other fits beside it. Say whether to go on."""
        chosen = await self._turn_patiently()
        if chosen:
            self._tools.reached("sending-committed")
        for mail, content in chosen:
            self._flight.start(mail, self._deliver(mail, content))
        if self._flight.is_up and not self._choose():
            await self._flight.wait(max(1, self._window // 2), self._tools.limits.linger)
        return len(self._flight) > 0 or bool(self._claimed) or await self._nap()

    async def _turn_patiently(self) -> Sequence[tuple[ClaimedMail, bytes | None]]:
        """Make a turn; what the server answered must not be forgotten because the database is away for a moment."""
        loop = asyncio.get_running_loop()
        gives_up_at = loop.time() + self._tools.limits.patience
        while True:
            try:
                return await self._turn()
            except Unreachable:
                if not self._flight.answers or loop.time() > gives_up_at:
                    raise
            await asyncio.sleep(0.5)

    async def _turn(self) -> Sequence[tuple[ClaimedMail, bytes | None]]:
        """In one commit: write results, begin the next group, claim the one after it. Return what is to be handed over."""
        moment, results = self._tools.clock(), self._flight.answers[: self._tools.limits.group]
        chosen: list[ClaimedMail] = []
        self._opens_at = None
        async with self._tools.store.write(self._tenant) as rows:
            if results:
                await self._settling(rows, moment).delivered(results)
            situation = await self._situation(rows, moment)
            is_current = situation.version == self._version
            goes_on = not (is_halted(situation, moment) or self._is_over or self._is_stopped)
            if goes_on and is_current:
                chosen = self._choose(written=len(results))
            contents = await self._begin_sending(rows, chosen, moment)
            claimed = await self._claim(rows, situation, moment, len(chosen)) if goes_on else []
            if not goes_on:
                await rows.give_back(self._lease)
        self._flight.forget(results)
        self._claimed = [*self._claimed[len(chosen) :], *claimed] if goes_on else []
        self._tell_stages(bool(results), bool(claimed))
        if goes_on and not is_current:
            self._is_stopped = not await self._follow(situation)
        return [(mail, contents.get(mail.raw_id or "")) for mail in chosen]

    def _tell_stages(self, has_results: bool, has_claimed: bool) -> None:
        if has_results:
            self._tools.reached("result-committed")
        if has_claimed:
            self._tools.reached("claimed")

    @property
    def _window(self) -> int:
        """How many mails may be ``sending``: as many as fit into the sessions, and at most two groups."""
        assert self._account is not None  # noqa: S101 - a drain without one has ended
        return min(2 * self._tools.limits.group, self._tools.mailport.capacity(self._account))

    def _choose(self, written: int = 0) -> list[ClaimedMail]:
        """Return the claimed mails that fit beside those under way, once ``written`` answers are: into sessions and memory."""
        room = min(self._tools.limits.group, self._window - len(self._flight) + written)
        held, is_alone = self._flight.size, not self._flight.is_up
        chosen: list[ClaimedMail] = []
        for mail in self._claimed[: max(0, room)]:
            held += mail.size
            if held > self._tools.limits.bytes and (chosen or not is_alone):
                break
            chosen.append(mail)
        return chosen

    async def _begin_sending(self, rows: TenantRows, chosen: Sequence[ClaimedMail], moment: datetime) -> dict[str, bytes]:
        if not chosen:
            return {}
        if await rows.begin_sending([mail.id for mail in chosen], self._lease, moment) != len(chosen):
            raise LeaseLost
        return dict(await rows.raw_contents([mail.raw_id for mail in chosen if mail.raw_id]))

    async def _claim(self, rows: TenantRows, situation: Situation, moment: datetime, leaving: int) -> Sequence[ClaimedMail]:
        """Claim the next group, as far as the rate limit of the account allows."""
        wanted = self._tools.limits.group - (len(self._claimed) - leaving)
        limit = rate_limit_of(situation.options)
        if limit is None or wanted <= 0:
            return await rows.claim(self._lease, moment, wanted) if wanted > 0 else []
        state = await rows.ensure_account_state(OUTGOING)
        room = min(wanted, limit.room(state.arrival, moment))
        mails = await rows.claim(self._lease, moment, room) if room else []
        state.arrival = limit.advanced(state.arrival, moment, len(mails)) if mails else state.arrival
        if state.arrival is not None and len(mails) == room:  # there may be more
            self._opens_at = limit.opens_at(state.arrival)
        return mails

    async def _deliver(self, mail: ClaimedMail, content: bytes | None) -> None:
        assert self._account is not None  # noqa: S101 - a drain without one has ended
        with working_on(message=mail.journal_id), span("send", parent=mail.traceparent, protocol=self._account.protocol):
            result = await deliver(
                self._tools.mailport, self._account, mail, content, rules=self._tools.rules, started_at=self._tools.clock()
            )
        self._flight.answers.append(result)
        self._tools.reached("answered")

    async def _nap(self) -> bool:
        """Wait for the rate limit where that takes moments only; say whether it was worth it."""
        if self._opens_at is None:
            return False
        seconds = (self._opens_at - self._tools.clock()).total_seconds()
        if seconds > self._tools.limits.nap:
            return False
        await asyncio.sleep(max(0.0, seconds))
        return True

    async def _give_back(self) -> None:
        """Leave nothing under this lease: answers are written, what was begun is uncertain, the rest is queued (REL-08)."""
        unknown = await self._flight.stop()
        moment = self._tools.clock()
        results = [*self._flight.answers, *(lost(mail, moment, _UNKNOWN) for mail in unknown)]
        if not (self._claimed or results):
            return
        with suppress(LeaseLost):
            async with self._tools.store.write(self._tenant) as rows:
                await rows.give_back(self._lease)
                if results:
                    await self._settling(rows, moment).delivered(results)

    def _settling(self, rows: TenantRows, moment: datetime) -> Settling:
        return Settling(rows, self._lease, moment, self._version)
