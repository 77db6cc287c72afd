"""Messages of one request each, bundled: whoever gets a place at the mailbox takes along all that wait.

One message alone goes as one request; several become a ``$batch``. Each keeps its own answer.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

from mailport.errors import MailportError, Unreachable
from mailport_graph.client import BATCH, Call, GraphClient, Progress
from mailport_graph.gate import CAPACITY
from mailport_graph.translate import Answer, refusal, uncertain

__all__ = ["Outbox"]

_BATCH_BYTES = 3_500_000
"""Bytes of one batch, of 4 MB that a request may have."""

_NOT_MIME = frozenset({"errormimecontentinvalidbase64string", "errorinvalidmimecontent"})


@dataclass(eq=False, slots=True)
class _Letter:
    call: Call
    size: int
    answer: asyncio.Future[None]
    alone: bool = False
    parcel: _Parcel | None = None


@dataclass(eq=False, slots=True)
class _Parcel:
    """The letters of one request that is under way."""

    letters: list[_Letter]
    progress: Progress = field(default_factory=Progress)
    task: asyncio.Task[None] | None = None


class Outbox:
    """Hands over the messages of one sender."""

    def __init__(self, client: GraphClient) -> None:
        self._client = client
        self._waiting: deque[_Letter] = deque()
        self._workers: set[asyncio.Task[None]] = set()
        self._batches_mime = True

    def __repr__(self) -> str:
        return f"<Outbox waiting={len(self._waiting)} workers={len(self._workers)}>"

    async def send(self, call: Call) -> None:
        """Hand over one message. Cancelled before its hand-over it is withdrawn, and the others go on without it."""
        letter = _Letter(call, len(call.content), asyncio.get_running_loop().create_future())
        self._waiting.append(letter)
        self._start_worker()
        try:
            await letter.answer
        except asyncio.CancelledError:
            self._withdraw(letter)
            raise

    async def close(self) -> None:
        """Give up what is not handed over, and wait for the answers to the rest."""
        for letter in self._waiting:
            _settle(letter, Unreachable("The session was closed.", code="connect.closed"))
        self._waiting.clear()
        if self._workers:
            _, late = await asyncio.wait(self._workers, timeout=min(5.0, self._client.account.timeout))
            for worker in late:
                worker.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _withdraw(self, letter: _Letter) -> None:
        if letter in self._waiting:
            self._waiting.remove(letter)
        elif (parcel := letter.parcel) is not None and not parcel.progress.last_piece and parcel.task is not None:
            parcel.task.cancel()  # nobody got anything yet: the others leave with the next parcel

    def _start_worker(self) -> None:
        if len(self._workers) < CAPACITY:
            self._workers.add(asyncio.ensure_future(self._run()))

    async def _run(self) -> None:
        """Work until nothing waits; leave in that very moment, so that the next letter starts a worker of its own."""
        try:
            await self._work()
        finally:
            self._workers.discard(asyncio.current_task())

    async def _work(self) -> None:
        while self._waiting:
            weight = min(CAPACITY, len(self._waiting))
            try:
                async with self._client.gate.place(self._client.clock, weight):
                    await self._deliver(_Parcel(self._take(weight)))
            except MailportError as error:  # the gate is closed
                for letter in self._take(len(self._waiting)):
                    _settle(letter, error)

    def _take(self, weight: int) -> list[_Letter]:
        """Take the letters of the next request: as many as wait and fit, no more than the places allow at once."""
        most = BATCH if weight == CAPACITY else weight
        taken: list[_Letter] = []
        while self._waiting and len(taken) < most:
            letter = self._waiting[0]
            if taken and not self._may_join(letter, taken):
                break
            taken.append(self._waiting.popleft())
        return taken

    def _may_join(self, letter: _Letter, taken: list[_Letter]) -> bool:
        texts = isinstance(letter.call.body, str) or isinstance(taken[0].call.body, str)
        if letter.alone or taken[0].alone or (texts and not self._batches_mime):
            return False
        return letter.size + sum(other.size for other in taken) <= _BATCH_BYTES

    async def _deliver(self, parcel: _Parcel) -> None:
        if not parcel.letters:
            return
        for letter in parcel.letters:
            letter.parcel = parcel
        parcel.task = asyncio.ensure_future(self._hand_over(parcel))
        try:
            await asyncio.wait([parcel.task])
        except asyncio.CancelledError:
            parcel.task.cancel()
            self._fail(parcel, Unreachable("The session was closed.", code="connect.closed"))
            raise
        if parcel.task.cancelled():
            self._waiting.extendleft(reversed([letter for letter in parcel.letters if not letter.answer.cancelled()]))
        elif (error := parcel.task.exception()) is not None:
            self._fail(parcel, error)

    def _fail(self, parcel: _Parcel, error: BaseException) -> None:
        """Tell all the letters of a parcel the same; what was handed over and is not refused is uncertain."""
        if parcel.progress.handed_over and (not isinstance(error, MailportError) or isinstance(error, Unreachable)):
            doubt = uncertain("The answer to the message cannot be read.")
            doubt.__cause__ = error
            error = doubt
        for letter in parcel.letters:
            _settle(letter, error)

    async def _hand_over(self, parcel: _Parcel) -> None:
        calls = [letter.call for letter in parcel.letters]
        if len(calls) == 1:
            self._tell(parcel.letters[0], await self._client.exchange(calls[0], parcel.progress, sending=True))
            return
        answers = await self._client.exchange_batch(calls, parcel.progress, sending=True)
        for letter, answer in zip(parcel.letters, answers, strict=True):
            if answer is not None and self._must_go_alone(letter, answer):
                letter.alone = True
                self._waiting.append(letter)
            else:
                self._tell(letter, answer)

    def _must_go_alone(self, letter: _Letter, answer: Answer) -> bool:
        """Whether the batch did not understand MIME, or its token ended on the way; nothing was sent in either case.

        OData says that a text in a batch stands as it is; a service that wants it encoded once more refuses it for that.
        """
        not_mime = answer.status == 400 and answer.error_facts()[0].lower() in _NOT_MIME
        self._batches_mime = self._batches_mime and not not_mime
        return (not_mime or answer.status == 401) and not letter.answer.done()

    def _tell(self, letter: _Letter, answer: Answer | None) -> None:
        if answer is None:
            _settle(letter, uncertain("Microsoft Graph said nothing about the message."))
        elif answer.status == 202:
            _settle(letter, None)
        elif 200 <= answer.status < 300:  # a message that was too large got 200, and was not sent
            _settle(letter, uncertain(f"Microsoft Graph answered HTTP {answer.status} instead of 202."))
        else:
            _settle(letter, refusal(answer, self._client.account, sending=True))


def _settle(letter: _Letter, error: BaseException | None) -> None:
    if letter.answer.done():
        return
    if error is None:
        letter.answer.set_result(None)
    else:
        letter.answer.set_exception(error)
