"""Live senders per account: lent, reused, expired, closed.

The state of an account is one list of open sessions and at most one that is being opened: everybody who waits for it shares
its outcome, so that a wrong password is tried once and not once per message.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from mailport.account import Account
from mailport.errors import AuthenticationFailed, MailportError, Unreachable
from mailport.transport import Sender, plugin_errors

__all__ = ["Lent", "SessionLimits", "SessionPool"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLimits:
    """How sessions are kept; times in seconds.

    ``max_sessions`` counts per account that does not say ``max_connections``; ``max_idle`` is shorter than the 30 s after
    which impatient servers close; for ``circuit`` seconds after refused credentials the server is not asked again.
    """

    max_sessions: int = 5
    max_idle: float = 25.0
    drain: float = 10.0
    circuit: float = 300.0


@dataclass(eq=False, slots=True)
class _Slot:
    sender: Sender
    load: int = 0
    lent: int = 0
    expiry: asyncio.TimerHandle | None = None

    @property
    def is_free(self) -> bool:
        return self.load < self.sender.max_in_flight and not self.is_spent

    @property
    def is_crowded(self) -> bool:
        return self.sender.crowded_at is not None and self.load >= self.sender.crowded_at

    @property
    def is_spent(self) -> bool:
        limit = self.sender.max_messages
        return not self.sender.alive or (limit is not None and self.lent >= limit)


@dataclass(frozen=True, slots=True)
class Lent:
    """A sender for one message; ``reused`` says that it served others before, so its connection may have gone stale."""

    sender: Sender
    reused: bool


@dataclass(eq=False, slots=True)
class _Shelf:
    """The sessions of one account."""

    key: str
    limit: int
    slots: list[_Slot] = field(default_factory=list)
    opening: asyncio.Task[None] | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: int = 0
    refused: tuple[AuthenticationFailed, float] | None = None
    relief_from: float = 0.0
    """When one more session may be tried beside those that are open."""

    @property
    def is_crowded(self) -> bool:
        """Whether every session has more to do than it does well."""
        return all(slot.is_crowded for slot in self.slots)

    @property
    def is_busy(self) -> bool:
        """Whether messages are under way or wait for a session."""
        return self.waiting > 0 or any(slot.load for slot in self.slots)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be remembered of the account."""
        return not (self.slots or self.waiting or self.opening or self.refused)

    def announce(self) -> None:
        """Wake everybody who waits for a session."""
        self.changed.set()
        self.changed = asyncio.Event()


class SessionPool:
    """The open senders of a host. ``open_sender`` makes an unopened one for an account."""

    def __init__(self, open_sender: Callable[[Account], Sender], limits: SessionLimits, clock: Callable[[], float]) -> None:
        self._open_sender = open_sender
        self._limits = limits
        self._clock = clock
        self._shelves: dict[str, _Shelf] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._closed = False

    def __repr__(self) -> str:
        slots = [slot for shelf in self._shelves.values() for slot in shelf.slots]
        busy = sum(slot.load > 0 for slot in slots)
        waiting = sum(shelf.waiting for shelf in self._shelves.values())
        return f"<SessionPool open={len(slots)} busy={busy} idle={len(slots) - busy} waiting={waiting}>"

    @asynccontextmanager
    async def lend(self, account: Account) -> AsyncIterator[Lent]:
        """Lend a sender: an open one with room, else a new one, else wait for either."""
        shelf = self._shelf(account)
        slot = await self._take(shelf, account)
        try:
            yield Lent(slot.sender, reused=slot.lent > 1)
        finally:
            self._give_back(shelf, slot)

    def capacity(self, account: Account) -> int:
        """Return how many messages may be under way at once; until a session is open, one a session."""
        shelf = self._shelves.get(account.key)
        each = max((slot.sender.max_in_flight for slot in shelf.slots), default=1) if shelf else 1
        return self._limit(account) * each

    def drop_idle(self, account: Account) -> None:
        """Close the account's idle sessions: one of them turned out to be stale, the others are no younger."""
        shelf = self._shelf(account)
        for slot in [slot for slot in shelf.slots if slot.load == 0]:
            self._discard(shelf, slot)

    async def close(self) -> None:
        """Wait for messages under way, at most ``drain`` seconds, then close every session, and lend none any more."""
        try:
            async with asyncio.timeout(self._limits.drain):
                while busy := [shelf for shelf in self._shelves.values() if shelf.is_busy]:
                    await busy[0].changed.wait()
        except TimeoutError:
            _log.warning("closing %r with messages under way", self)
        self._closed = True
        openings = [shelf.opening for shelf in self._shelves.values() if shelf.opening]
        for opening in openings:
            opening.cancel()
        await asyncio.gather(*openings, return_exceptions=True)
        for shelf in list(self._shelves.values()):
            for slot in list(shelf.slots):
                self._discard(shelf, slot)
            shelf.announce()
        await asyncio.gather(*self._closing, return_exceptions=True)

    def _shelf(self, account: Account) -> _Shelf:
        return self._shelves.setdefault(account.key, _Shelf(account.key, self._limit(account)))

    def _limit(self, account: Account) -> int:
        return getattr(account.settings, "max_connections", None) or self._limits.max_sessions

    def _tidy(self, shelf: _Shelf) -> None:
        """Drop a shelf that nobody needs: settings change, and each change is another account here."""
        if shelf.is_empty and self._shelves.get(shelf.key) is shelf:
            del self._shelves[shelf.key]

    async def _take(self, shelf: _Shelf, account: Account) -> _Slot:
        shelf.waiting += 1
        try:
            while True:
                self._check_open()
                self._check_circuit(shelf)
                if (slot := self._free(shelf)) is not None:
                    self._relieve(shelf, account)
                    return slot
                await self._room(shelf, account)
        finally:
            shelf.waiting -= 1
            if not shelf.waiting:
                shelf.announce()
            self._tidy(shelf)

    def _check_open(self) -> None:
        if self._closed:
            raise Unreachable("The host was closed.", code="connect.closed", remedy="Send it again with an open one.")

    def _free(self, shelf: _Shelf) -> _Slot | None:
        for slot in [slot for slot in shelf.slots if slot.is_spent and slot.load == 0]:
            self._discard(shelf, slot)
        free = [slot for slot in shelf.slots if slot.is_free]
        if not free:
            return None
        slot = min(free, key=lambda slot: slot.load)
        slot.load += 1
        slot.lent += 1
        if slot.expiry is not None:
            slot.expiry.cancel()
            slot.expiry = None
        return slot

    async def _room(self, shelf: _Shelf, account: Account) -> None:
        """Wait until there may be a free session, opening one where the account allows another."""
        changed = shelf.changed
        if self._may_open(shelf):
            self._begin_opening(shelf, account)
        if (opening := shelf.opening) is None or shelf.slots:  # whichever comes first: a place, or a session
            await changed.wait()
            return
        await asyncio.wait([opening])  # unlike the task's own await, neither side's cancellation reaches the other
        if not opening.cancelled():
            opening.result()

    def _may_open(self, shelf: _Shelf) -> bool:
        """Whether another session may be tried: where some are open, not soon after one more was refused."""
        is_room = shelf.opening is None and len(shelf.slots) < shelf.limit
        return is_room and (not shelf.slots or self._clock() >= shelf.relief_from)

    def _relieve(self, shelf: _Shelf, account: Account) -> None:
        """Open a session beside crowded ones, for the messages to come."""
        if shelf.is_crowded and self._may_open(shelf):
            self._begin_opening(shelf, account)

    def _begin_opening(self, shelf: _Shelf, account: Account) -> None:
        shelf.relief_from = self._clock() + self._limits.max_idle
        shelf.opening = asyncio.ensure_future(self._open(shelf, account))
        shelf.opening.add_done_callback(lambda task: self._opened(shelf, task))

    async def _open(self, shelf: _Shelf, account: Account) -> None:
        try:
            with plugin_errors("open a session"):
                sender = self._open_sender(account)
                await sender.open()
        except AuthenticationFailed as error:
            shelf.refused = (error, self._clock() + self._limits.circuit)
            raise
        slot = _Slot(sender)
        shelf.slots.append(slot)
        shelf.relief_from = self._clock()
        self._rest(shelf, slot)  # whoever waited may have given up meanwhile

    def _opened(self, shelf: _Shelf, task: asyncio.Task[None]) -> None:
        shelf.opening = None
        if not task.cancelled():
            task.exception()  # whoever waited was told
        shelf.announce()
        self._tidy(shelf)

    def _check_circuit(self, shelf: _Shelf) -> None:
        if shelf.refused is None:
            return
        error, until = shelf.refused
        left = until - self._clock()
        if left <= 0:
            shelf.refused = None
            return
        raise AuthenticationFailed(
            f"{error.message} (Not tried again: servers lock accounts.)",
            code=error.code,
            field=error.field,
            remedy=error.remedy,
            retry_after=left,
        ) from error

    def _give_back(self, shelf: _Shelf, slot: _Slot) -> None:
        slot.load -= 1
        if slot.load == 0 and slot in shelf.slots:
            if slot.is_spent:
                self._discard(shelf, slot)
            else:
                self._rest(shelf, slot)
        shelf.announce()

    def _rest(self, shelf: _Shelf, slot: _Slot) -> None:
        """Close an idle session after a while."""
        slot.expiry = asyncio.get_running_loop().call_later(self._limits.max_idle, self._discard, shelf, slot)

    def _discard(self, shelf: _Shelf, slot: _Slot) -> None:
        if slot.expiry is not None:
            slot.expiry.cancel()
        if slot in shelf.slots:
            shelf.slots.remove(slot)
            closing = asyncio.ensure_future(_close(slot.sender))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
        shelf.announce()
        self._tidy(shelf)


async def _close(sender: Sender) -> None:
    try:
        await sender.close()
    except (MailportError, OSError) as error:
        _log.debug("a session did not close cleanly: %s", error)
