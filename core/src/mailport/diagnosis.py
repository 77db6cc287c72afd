"""Test Connection: a ladder of checks whose first failure is the cause.

The ladder makes the calls that the work makes, needs no right that the work does not need and never touches the pool. The
rung at which an error belongs is the first part of its code, wherever it was noticed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import partial
from typing import Any

from mailport.account import Account
from mailport.errors import ConfigurationError, MailportError, NotFound, PluginError, TimedOut
from mailport.fields import Direction
from mailport.message import Message
from mailport.policies import Policy
from mailport.rules import OutgoingRules
from mailport.services import Services
from mailport.submit import check_rules
from mailport.transport import Cursor, Probe, Receiver, Rung, Sender, Step

__all__ = ["Report", "RungResult", "SessionProbe", "State", "diagnose", "failed_settings"]

_LOOK_AGAIN = 0.5
"""Seconds between two looks for the test mail."""


_SLOW = {
    Direction.OUTGOING: "Raise Send Mail Timeout, or check why the server is slow.",
    Direction.INCOMING: "Check why the server is slow.",
}
_SILENT = "Check host and port; a port that expects SSL stays silent until SSL is chosen."
_LOST = "Name an incoming account of the mailbox that User Name says; if it is the same, look for the mail in other folders."


class State(StrEnum):
    """How a rung ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class RungResult:
    """One rung: ``said`` is what is worth telling (what the server said, redacted), the rest names cause and remedy.

    ``error`` is the class of the error (``Throttled``), by what to do about it.
    """

    rung: Rung
    state: State
    seconds: float = 0.0
    said: str = ""
    error: str = ""
    code: str = ""
    field: str | None = None
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The outcome of a test: every rung in order."""

    rungs: tuple[RungResult, ...]

    @property
    def passed(self) -> bool:
        """Whether no rung failed."""
        return self.cause is None

    @property
    def cause(self) -> RungResult | None:
        """The first failure, or None."""
        return next((result for result in self.rungs if result.state is State.FAILED), None)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON-ready data."""
        return {"passed": self.passed, "rungs": [asdict(result) for result in self.rungs]}


def failed_settings(error: MailportError) -> Report:
    """Return the report of an account whose settings are wrong, or whose plugin failed: nothing else was tried."""
    failed = _failure(Rung.SETTINGS, error, 0.0, str)
    skipped = tuple(RungResult(rung=rung, state=State.SKIPPED) for rung in Rung if rung is not Rung.SETTINGS)
    return Report(rungs=(failed, *skipped))


_OPENING = (Rung.TLS, Rung.GREETING, Rung.CAPABILITIES, Rung.AUTHENTICATION, Rung.PERMISSION, Rung.FOLDER)


def _is_at(error: MailportError, rung: Rung) -> bool:
    return error.code.startswith(f"{rung}.")


class SessionProbe(Probe):
    """The probe of a transport that has none of its own: opening the session is all that can be tried.

    What lies between connecting and the folder is not known to be fine when it opens; an error still has its rung.
    """

    def __init__(self, session: Sender | Receiver) -> None:
        self._session = session
        self._error: MailportError | None = None

    def steps(self) -> Sequence[Step]:
        """Return a step that opens the session, and one for each rung at which that may have failed."""
        return [Step((Rung.CONNECT,), self._open), *(Step((rung,), partial(self._tell, rung)) for rung in _OPENING)]

    async def close(self) -> None:
        """Close the session."""
        await self._session.close()

    async def _open(self) -> str:
        try:
            await self._session.open()
        except MailportError as error:
            if not any(_is_at(error, rung) for rung in _OPENING):
                raise
            self._error = error
            return ""
        return "The session opened."

    async def _tell(self, rung: Rung) -> str:
        if self._error is not None and _is_at(self._error, rung):
            raise self._error
        return ""


@dataclass(kw_only=True)
class _Ladder:
    """Climbs one step after another and remembers how each rung ended."""

    account: Account
    probe: Probe
    mailbox: str
    results: dict[Rung, RungResult] = field(default_factory=dict)
    failed: bool = False

    async def climb(self, step: Step) -> None:
        if self.failed:
            return
        started = time.monotonic()
        try:
            said = await step.run()
        except MailportError as error:
            self._fail(step, error, time.monotonic() - started)
        except TimeoutError:
            raise
        except Exception as error:
            broken = PluginError(f"The plugin failed with {type(error).__name__}.", remedy="Report this to its author.")
            broken.__cause__ = error
            self._fail(step, broken, time.monotonic() - started)
        else:
            self._end(step.rungs, State.PASSED if said else State.SKIPPED, said, time.monotonic() - started)

    def _end(self, rungs: Sequence[Rung], state: State, said: str = "", seconds: float = 0.0) -> None:
        for rung in rungs:
            told, took = (said, seconds) if rung is rungs[-1] else ("", 0.0)
            if rung in self.results and not told:
                continue  # a step that comes by again has nothing to add
            self.results[rung] = RungResult(rung=rung, state=state, seconds=took, said=self.account.redact(told))

    def _fail(self, step: Step, error: MailportError, seconds: float) -> None:
        at = next((rung for rung in step.rungs if _is_at(error, rung)), step.rungs[0])
        self._end(step.rungs[: step.rungs.index(at)], State.PASSED)
        self.results[at] = _failure(at, error, seconds, self.account.redact)
        self.failed = True

    def out_of_time(self, step: Step, seconds: float) -> None:
        rung = step.rungs[0]
        said, remedy, at = f"The test took longer than {self.account.timeout:g} seconds.", _SLOW[self.account.direction], None
        if rung is Rung.GREETING and (endpoint := self.probe.endpoint()) is not None:
            remedy, at = _SILENT, endpoint.port_field
        if rung is Rung.ROUND_TRIP:
            searched = f"the mailbox of {self.mailbox}" if self.mailbox else "the mailbox"
            said, remedy = f"The mail was sent to {self.account.user_name} but not found in {searched}.", _LOST
        self._fail(step, TimedOut(said, code=f"{rung}.timeout", field=at, remedy=remedy), seconds)

    def report(self) -> Report:
        return Report(rungs=tuple(self.results.get(rung, RungResult(rung=rung, state=State.SKIPPED)) for rung in Rung))


def _failure(rung: Rung, error: MailportError, seconds: float, redact: Callable[[str], str]) -> RungResult:
    return RungResult(
        rung=rung,
        state=State.FAILED,
        seconds=seconds,
        said=redact(error.message),
        error=type(error).__name__,
        code=error.code,
        field=error.field,
        remedy=error.remedy,
    )


async def diagnose(
    account: Account,
    probe: Probe,
    services: Services,
    *,
    policies: Sequence[Policy] | None = None,
    sender: Callable[[], Sender] | None = None,
    receiver: Callable[[], Receiver] | None = None,
    mailbox: str = "",
    on_rung: Callable[[RungResult], None] | None = None,
) -> Report:
    """Climb the ladder within the account's timeout.

    ``policies`` are those that carry out the account's rules; None checks no rule. With ``sender`` exactly one test mail goes
    to User Name, if all before passed; with ``receiver`` (of the same mailbox, which ``mailbox`` names) that mail is looked
    for. ``on_rung`` is told each result as it comes.
    """
    ladder = _Ladder(account=account, probe=probe, mailbox=mailbox)
    test = None if sender is None else _TestMail(account, sender, receiver)
    try:
        await _climb_all(ladder, _steps(_settings(account, policies), probe, services, test), on_rung)
    finally:
        await _close(probe)
    return ladder.report()


async def _climb_all(ladder: _Ladder, steps: Iterator[Step], on_rung: Callable[[RungResult], None] | None) -> None:
    deadline = time.monotonic() + ladder.account.timeout
    for step in steps:
        before = dict(ladder.results)
        started = time.monotonic()
        try:
            async with asyncio.timeout(deadline - started):
                await ladder.climb(step)
        except TimeoutError:
            ladder.out_of_time(step, time.monotonic() - started)
        for rung, result in ladder.results.items():
            if on_rung is not None and rung not in before:
                on_rung(result)
        if ladder.failed:
            break


async def _close(probe: Probe) -> None:
    try:
        await probe.close()
    except Exception:  # the report is complete; a broken plugin's closing must not hide it
        return


def _steps(first: Step, probe: Probe, services: Services, test: _TestMail | None) -> Iterator[Step]:
    yield first
    yield _way(probe, services)
    yield from _own_steps(probe)
    if test is not None:
        yield from test.steps()


def _settings(account: Account, policies: Sequence[Policy] | None) -> Step:
    async def check() -> str:
        if policies is not None:
            check_rules(account, policies)
        return "The settings are complete."

    return Step((Rung.SETTINGS,), check)


def _way(probe: Probe, services: Services) -> Step:
    async def resolve() -> str:
        endpoint = probe.endpoint()
        if endpoint is None:
            return ""
        try:
            addresses = await services.egress.resolve(endpoint.host, endpoint.port)
        except MailportError as error:
            if error.field == "host":  # the protocol may call it otherwise
                error.field = endpoint.host_field
            raise
        return f"{endpoint.host} is {', '.join(addresses)}."

    return Step((Rung.NAME, Rung.EGRESS), resolve)


def _own_steps(probe: Probe) -> Sequence[Step]:
    """Return the protocol's steps; for a plugin that fails to name them, one that tells so."""
    try:
        return probe.steps()
    except Exception as error:
        broken = error

    async def fail() -> str:
        raise broken

    return [Step((Rung.CONNECT,), fail)]


class _TestMail:
    """The one mail that a test sends, and the search for it."""

    def __init__(self, account: Account, sender: Callable[[], Sender], receiver: Callable[[], Receiver] | None) -> None:
        self._account = account
        self._sender = sender
        self._receiver = receiver
        self._message = Message.compose(
            sender=account.user_name,
            to=account.user_name,
            subject="Test message",
            text="This is the test of your mail settings. You need not answer it.\n",
            headers=(("Auto-Submitted", "auto-generated"), ("X-Auto-Response-Suppress", "All")),
        )
        self._before: Cursor = None

    def steps(self) -> Iterator[Step]:
        """Yield the steps: sending, and looking for the mail where there is an account for it."""
        yield Step((Rung.SEND,), self.send)
        if self._receiver is not None:
            yield Step((Rung.ROUND_TRIP,), self.find)

    async def send(self) -> str:
        rules = self._account.rules
        if isinstance(rules, OutgoingRules) and rules.block_outgoing_email:
            raise ConfigurationError(
                "The connection works; no test mail is sent while Block Outgoing Email is on.",
                code="send.blocked",
                field="block_outgoing_email",
                remedy="Switch Block Outgoing Email off to test sending.",
            )
        if self._receiver is not None:
            self._before = await self._end()
        async with self._sender() as sender:
            await sender.send(self._message)
        return f"A test mail was sent to {self._account.user_name}."

    async def _end(self) -> Cursor:
        """Return the mailbox's present end, so that only what comes later is searched."""
        assert self._receiver is not None  # noqa: S101 - only called with one
        async with self._receiver() as receiver, receiver.fetch(None) as deliveries:
            async for _ in deliveries:
                pass
            return deliveries.cursor

    async def find(self) -> str:
        assert self._receiver is not None  # noqa: S101 - only called with one
        started = time.monotonic()
        while not await self._arrived(self._receiver()):  # noqa: ASYNC110 - a mailbox cannot signal an event
            await asyncio.sleep(_LOOK_AGAIN)
        return f"The test mail arrived after {time.monotonic() - started:.1f} seconds."

    async def _arrived(self, receiver: Receiver) -> bool:
        async with receiver, receiver.fetch(self._before) as deliveries:
            async for delivery in deliveries:
                try:
                    message = await delivery.message()
                except NotFound:
                    continue
                if message.message_id == self._message.message_id:
                    return True
        return False
