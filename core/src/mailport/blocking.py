"""The same host for applications without asyncio: Django, Flask, scripts.

One background thread runs the event loop, one per process: after a fork the child starts its own and leaves the parent's
connections alone.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from mailport import host, poll
from mailport.account import Account
from mailport.diagnosis import Report
from mailport.fields import Direction, ProtocolFields
from mailport.message import Message
from mailport.receipt import Receipt
from mailport.registry import PluginReport, Rediscovery
from mailport.rules import RecognitionRules
from mailport.transport import Acknowledgement, Action, Cursor, Delivery

__all__ = ["Mailport", "Round"]

T = TypeVar("T")

_CLEANUP = 10.0
"""Seconds that Ctrl-C waits for what it cancelled."""


class Mailport:
    """What ``mailport.Mailport`` does, without ``await``; takes the same arguments, may be used from any thread.

    Raises ``RuntimeError`` inside a running event loop, which it would stop: use ``mailport.Mailport`` there.
    """

    def __init__(self, **options: Any) -> None:
        self._make: Callable[[], host.Mailport] = lambda: host.Mailport(**options)
        self._lock, self._pid = threading.Lock(), os.getpid()
        self._engine: _Engine | None = None

    def __repr__(self) -> str:
        return f"<blocking {self._engine.mailport!r}>" if self._engine else "<blocking Mailport, not started>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Finish what is under way, close every session and end the thread."""
        with self._lock:
            engine, self._engine = self._engine, None
        if engine is not None and engine.pid == os.getpid():
            engine.stop()

    def protocols(self) -> tuple[ProtocolFields, ...]:
        """Return the installed protocols, by title."""
        return self._started().mailport.protocols()

    def protocol(self, key: str) -> ProtocolFields:
        """Return one installed protocol. Raises ``ConfigurationError`` that says which there are."""
        return self._started().mailport.protocol(key)

    def plugins(self) -> tuple[PluginReport, ...]:
        """Return every plugin that was found: loaded, or failed and why."""
        return self._started().mailport.plugins()

    def rediscover(self) -> Rediscovery:
        """Load plugins that were installed since."""
        return self._started().mailport.rediscover()

    def account(self, values: Mapping[str, Any], direction: Direction | str = Direction.OUTGOING) -> Account:
        """Return the account that flat ``values`` describe. Raises ``ConfigurationError`` naming every field at fault."""
        return self._started().mailport.account(values, direction)

    def submit(self, message: Message, account: Account) -> Receipt:
        """Send one message; threads may call it at the same time."""
        engine = self._started()
        return engine.run(engine.mailport.submit(message, account))

    def recognise(self, message: Message, rules: RecognitionRules) -> Mapping[str, object]:
        """Say what an incoming message is: the findings of every recogniser, by its name."""
        return self._started().mailport.recognise(message, rules)

    def find(self, message_id: str, account: Account) -> bool | None:
        """Say whether a message left through this account; None where the protocol cannot tell."""
        engine = self._started()
        return engine.run(engine.mailport.find(message_id, account))

    def test_connection(self, account: Account, **options: Any) -> Report:
        """Check an account rung by rung; takes the options of ``mailport.Mailport.test_connection``."""
        engine = self._started()
        return engine.run(engine.mailport.test_connection(account, **options))

    @contextmanager
    def poll(self, account: Account, cursor: Cursor = None, limit: int | None = None) -> Iterator[Round]:
        """Read the mailbox once, from ``cursor`` on, at most ``limit`` messages."""
        engine = self._started()
        work = _Work(engine)
        try:
            yield Round(work, engine.run(work.enter(engine.mailport, account, cursor, limit)))
        finally:
            engine.run(work.leave())

    def _started(self) -> _Engine:
        _refuse_running_loop()
        if self._pid != os.getpid():  # a fork copies a lock as another thread held it
            self._lock, self._pid = threading.Lock(), os.getpid()
        with self._lock:
            if self._engine is None or self._engine.pid != os.getpid():
                self._engine = _Engine(self._make)
            return self._engine


class Round:
    """One poll of one mailbox: iterate it, store what comes together with ``cursor``, then ``acknowledge``."""

    def __init__(self, work: _Work, inner: poll.Round) -> None:
        self._work = work
        self._inner = inner

    def __iter__(self) -> Iterator[LoadedDelivery]:
        deliveries = aiter(self._inner)
        while (delivery := self._work.do(_next(deliveries))) is not None:
            yield LoadedDelivery(self._work, delivery)

    @property
    def cursor(self) -> Cursor:
        """The place up to which everything iterated so far is covered."""
        return self._inner.cursor

    @property
    def settled(self) -> tuple[Acknowledgement, ...]:
        """After the round: the outcomes of what the protocol commits when the session ends."""
        return self._inner.settled

    def acknowledge(self, action: Action, deliveries: Sequence[LoadedDelivery] | None = None) -> Sequence[Acknowledgement]:
        """Apply ``action`` to ``deliveries``, by default to all that were iterated; call it after they were stored."""
        chosen = None if deliveries is None else [delivery.listed for delivery in deliveries]
        return self._work.do(self._inner.acknowledge(action, chosen))


class LoadedDelivery:
    """One fetched message; ``listed`` is what the round yields with asyncio."""

    def __init__(self, work: _Work, listed: Delivery) -> None:
        self._work = work
        self.listed = listed

    @property
    def key(self) -> str:
        """The key, stable across sessions and unique in the mailbox."""
        return self.listed.key

    @property
    def size(self) -> int | None:
        """The size in bytes as the server says; None where it does not."""
        return self.listed.size

    @property
    def received_at(self) -> datetime | None:
        """When it came, with a time zone; None where that is not known."""
        return self.listed.received_at

    @property
    def flags(self) -> frozenset[str]:
        r"""The flags in IMAP's words (``\Seen``)."""
        return self.listed.flags

    def read(self) -> bytes:
        """Return the message's bytes as one piece."""
        return self._work.do(self.listed.read())

    def save(self, path: Path) -> int:
        """Write the message's bytes to ``path`` as they come; return how many."""
        return self._work.do(self.listed.save(path))

    def message(self) -> Message:
        """Return the message, read into memory."""
        return self._work.do(self.listed.message())


async def _next(deliveries: AsyncIterator[Delivery]) -> Delivery | None:
    return await anext(deliveries, None)


def _refuse_running_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise RuntimeError("mailport.blocking would stop the running event loop; use mailport.Mailport with await")


class _Engine:
    """The loop, its thread and the host that lives in it."""

    def __init__(self, make: Callable[[], host.Mailport]) -> None:
        self.pid = os.getpid()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="mailport", daemon=True)
        self._thread.start()
        try:
            self.mailport = self.run(_made(make))
        except BaseException:
            self._end_loop()
            raise

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run ``work`` in the loop; Ctrl-C cancels it and waits until it has cleaned up."""
        ended = threading.Event()
        future = asyncio.run_coroutine_threadsafe(_watched(work, ended), self._loop)
        try:
            return future.result()
        except KeyboardInterrupt:
            future.cancel()
            ended.wait(_CLEANUP)
            raise

    def stop(self) -> None:
        try:
            self.run(self.mailport.close())
        finally:
            self._end_loop()

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _watched(work: Coroutine[Any, Any, T], ended: threading.Event) -> T:
    try:
        return await work
    finally:
        ended.set()


async def _made(make: Callable[[], host.Mailport]) -> host.Mailport:
    return make()


class _Work:
    """A poll as one task of the loop: what it opened must be closed by the same task.

    Cancelling an order cancels the poll: nobody knows how far the order came.
    """

    def __init__(self, engine: _Engine) -> None:
        self._engine = engine
        self._orders: asyncio.Queue[tuple[Coroutine[Any, Any, Any], asyncio.Future[Any]] | None] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def enter(self, mailport: host.Mailport, account: Account, cursor: Cursor, limit: int | None) -> poll.Round:
        entered: asyncio.Future[poll.Round] = asyncio.get_running_loop().create_future()
        self._task = asyncio.ensure_future(self._serve(mailport, account, cursor, limit, entered))
        return await self._of(entered)

    async def leave(self) -> None:
        self._orders.put_nowait(None)
        if self._task is not None:
            await asyncio.wait([self._task])
            with suppress(asyncio.CancelledError):  # by an order that was given up, and its caller knows
                self._task.result()

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self._engine.run(self._order(work))

    async def _order(self, work: Coroutine[Any, Any, T]) -> T:
        if self._task is None or self._task.done():
            work.close()
            raise _over()
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._orders.put_nowait((work, answer))
        return await self._of(answer)

    async def _of(self, answer: asyncio.Future[T]) -> T:
        """Wait for what the task answers."""
        assert self._task is not None  # noqa: S101 - a poll is entered first
        waited: list[asyncio.Future[Any]] = [answer, self._task]
        try:
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            answer.cancel()
            self._task.cancel()
            raise
        if not answer.done():
            raise _over()
        return answer.result()

    async def _serve(
        self,
        mailport: host.Mailport,
        account: Account,
        cursor: Cursor,
        limit: int | None,
        entered: asyncio.Future[poll.Round],
    ) -> None:
        try:
            async with mailport.poll(account, cursor, limit) as round_:
                entered.set_result(round_)
                while (order := await self._orders.get()) is not None:
                    await _carry_out(*order)
        except BaseException as error:
            if entered.done():
                raise
            entered.set_exception(error)
        finally:
            while not self._orders.empty():
                if (order := self._orders.get_nowait()) is not None:
                    order[0].close()  # it came too late


def _over() -> RuntimeError:
    return RuntimeError("This poll is over: read what it found inside its block.")


async def _carry_out(work: Coroutine[Any, Any, Any], answer: asyncio.Future[Any]) -> None:
    try:
        result = await work
    except Exception as error:
        if not answer.done():
            answer.set_exception(error)
    else:
        if not answer.done():
            answer.set_result(result)
