"""The classes that a plugin subclasses: what sends, what receives, and what tests a connection.

Rules of the contract (each is a case of the conformance kit):

* A message is handed over when its last byte was written. An error or a cancellation before that leaves it unsent
  (``Unreachable``); after it, without an answer, the result is ``Uncertain``.
* Cancelling one ``send`` never spoils the others on a shared sender.
* Nothing here retries or sleeps: retry is a decision of the host.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import JsonValue

from mailport.errors import ConfigurationError, MailportError, PluginError
from mailport.message import Message
from mailport.receipt import Receipt

__all__ = [
    "Acknowledgement",
    "Action",
    "ActionKind",
    "Cursor",
    "Deliveries",
    "Delivery",
    "Endpoint",
    "Probe",
    "Receiver",
    "Rung",
    "Sender",
    "SenderWrapper",
    "Session",
    "Step",
    "plugin_errors",
]


@contextmanager
def plugin_errors(doing: str) -> Iterator[None]:
    """Turn what a transport raises against the contract into a ``PluginError``; mailport's own errors pass."""
    try:
        yield
    except MailportError:
        raise
    except Exception as error:
        raise PluginError(
            f"The transport failed to {doing} with {type(error).__name__}.", remedy="Report this to its author."
        ) from error


Cursor = JsonValue
"""Where a receiver goes on; opaque to the host, which stores it with the messages. None starts from the beginning."""


class Session:
    """Something that is opened once, used for a while and closed."""

    async def open(self) -> None:
        """Connect and sign in. Raises a ``TransportError`` or ``ConfigurationError``; then nothing is left open."""

    async def close(self) -> None:
        """Release everything, in bounded time; never raises for a connection that is already gone."""

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


class Sender(Session, ABC):
    """Hands messages to a mail system. One sender serves one account."""

    max_in_flight: int = 1
    """How many ``send`` calls may run at once on this open sender; further ones wait."""

    crowded_at: int | None = None
    """With how many under way another session beside this one is faster, where the account may have one; None: never."""

    max_messages: int | None = None
    """After how many messages the session is replaced by a fresh one; None: never."""

    @property
    def alive(self) -> bool:
        """Whether the session can take another message, as far as is known without asking the server."""
        return True

    @abstractmethod
    async def send(self, message: Message) -> Receipt:
        """Hand over one message; return what became of each recipient.

        Partial success is a receipt. Raises ``Refused`` when nobody was accepted for good, ``Throttled`` when nobody was
        accepted for now, ``Unreachable`` when it was not handed over, ``Uncertain`` when it was and no answer came.
        """

    async def find(self, message_id: str) -> bool | None:  # noqa: ARG002 - overridden where it can be known
        """Say whether a message was sent (it is in the mail system's own records); None where that cannot be known."""
        return None


class SenderWrapper(Sender):
    """A sender around another one: what a hook wrapper of ``mailport_send`` returns (signing, telemetry, limits)."""

    def __init__(self, inner: Sender) -> None:
        self.inner = inner
        self.max_in_flight = inner.max_in_flight
        self.crowded_at = inner.crowded_at
        self.max_messages = inner.max_messages

    async def open(self) -> None:
        """Open the inner sender."""
        await self.inner.open()
        self.max_in_flight = self.inner.max_in_flight

    async def close(self) -> None:
        """Close the inner sender."""
        await self.inner.close()

    @property
    def alive(self) -> bool:
        """Whether the inner sender can take another message."""
        return self.inner.alive

    async def send(self, message: Message) -> Receipt:
        """Hand the message on."""
        return await self.inner.send(message)

    async def find(self, message_id: str) -> bool | None:
        """Ask the inner sender."""
        return await self.inner.find(message_id)


@dataclass(frozen=True, kw_only=True)
class Delivery:
    r"""One fetched message: listed first, loaded on demand.

    ``key`` is stable across sessions and unique in its mailbox. ``cursor`` is valid once this and all earlier deliveries
    are stored, or None where the protocol gives one only at the end of a round. ``size`` is in bytes as the server says,
    None where it does not; ``received_at`` has a time zone; ``flags`` are in IMAP's words (``\Seen``). Chunks are at most 1 MB.
    """

    key: str
    load: Callable[[], AsyncIterator[bytes]]
    cursor: Cursor = None
    size: int | None = None
    received_at: datetime | None = None
    flags: frozenset[str] = frozenset()

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield the message's bytes; only while the receiver is open. Raises ``NotFound`` if it is gone meanwhile."""
        return self.load()

    async def read(self) -> bytes:
        """Return the message's bytes as one piece."""
        return b"".join([chunk async for chunk in self.load()])

    async def save(self, path: Path) -> int:
        """Write the message's bytes to ``path`` as they come; return how many. No more than a chunk is held in memory."""
        total = 0
        with path.open("wb") as file:
            async for chunk in self.load():
                total += file.write(chunk)
        return total

    async def message(self) -> Message:
        """Return the message, read into memory."""
        return Message.read(await self.read())


class Deliveries(ABC):
    """The stream of one round: iterate it, then read ``cursor``."""

    cursor: Cursor = None
    """After the end of the stream: where the next round starts. Before that: None."""

    def __aiter__(self) -> AsyncIterator[Delivery]:
        return self.iterate()

    @abstractmethod
    def iterate(self) -> AsyncIterator[Delivery]:
        """Yield the deliveries in a stable order."""


class ActionKind(StrEnum):
    """What happens to a message in its mailbox after it was stored."""

    LEAVE = "leave"
    MARK_READ = "read"
    MOVE = "move"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Action:
    """What to do with messages that were stored; ``folder`` is where MOVE puts them, created when missing."""

    kind: ActionKind
    folder: str | None = None

    @classmethod
    def parse(cls, text: str) -> Action:
        """Read ``leave``, ``read``, ``delete`` or ``move:FOLDER``."""
        kind, _, folder = text.partition(":")
        if kind not in ActionKind.__members__.values() or (kind == ActionKind.MOVE) != bool(folder):
            raise ConfigurationError(
                f"“{text}” is no action.", code="settings.action", remedy="Write leave, read, delete or move:FOLDER."
            )
        return cls(ActionKind(kind), folder or None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """The outcome of an action for one delivery.

    ``done`` is None while the protocol has not committed it: the answer is in ``Receiver.settled`` after closing. A message
    that is gone counts as done. ``new_key`` is its key after a move, where the server tells; ``error`` says why it failed;
    ``note`` is a sentence for a person, such as that the folder was made for it.
    """

    key: str
    done: bool | None
    new_key: str | None = None
    error: MailportError | None = None
    note: str = ""


class Receiver(Session, ABC):
    """Reads messages from one mailbox."""

    settled: tuple[Acknowledgement, ...] = ()
    """After ``close``: the outcome of what ``acknowledge`` left open."""

    @abstractmethod
    def fetch(self, cursor: Cursor, limit: int | None = None) -> AbstractAsyncContextManager[Deliveries]:
        """List the messages after ``cursor``, at most ``limit``.

        Raises ``NotFound`` (``read.cursor``) for a cursor that the server no longer knows: fetch again with None.
        """

    @abstractmethod
    async def acknowledge(self, deliveries: Sequence[Delivery], action: Action) -> Sequence[Acknowledgement]:
        """Apply ``action`` to the deliveries, one answer each in the same order. Doing it twice is harmless.

        Only their keys count: after a crash a host acknowledges what it stored in a session that listed nothing.

        Raises ``UnsupportedFeature`` before anything is done where the protocol lacks the action.
        """


class Rung(StrEnum):
    """The steps of the diagnosis ladder, in order. The first part of every error code names one of them."""

    SETTINGS = "settings"
    NAME = "name"
    EGRESS = "egress"
    CONNECT = "connect"
    TLS = "tls"
    GREETING = "greeting"
    CAPABILITIES = "capabilities"
    AUTHENTICATION = "authentication"
    PERMISSION = "permission"
    FOLDER = "folder"
    SEND = "send"
    READ = "read"
    ROUND_TRIP = "round_trip"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an account connects; ``port_field`` and ``host_field`` name the settings that say so."""

    host: str
    port: int
    host_field: str = "host"
    port_field: str = "port"
    proxy_url: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One or more rungs that one call of the protocol's library climbs together.

    ``run`` returns what is worth telling ("TLS 1.3, certificate of mail.example.org"), or raises; the error's code then says
    at which of the ``rungs`` the cause lies. An empty text means that the rung does not apply, and is shown as skipped.
    """

    rungs: tuple[Rung, ...]
    run: Callable[[], Awaitable[str]]


class Probe(Session, ABC):
    """A protocol's own steps of the diagnosis ladder, made of the calls that the work itself makes."""

    def endpoint(self) -> Endpoint | None:
        """Return where the account connects; None where there is no network. Core checks name and egress with it."""
        return None

    @abstractmethod
    def steps(self) -> Sequence[Step]:
        """Return the steps from CONNECT to FOLDER, and READ for an inbox; they share one session, which ``close`` ends."""
