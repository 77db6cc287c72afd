"""The mails that are under way, each in a task of its own, and the answers that are not written down yet."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any

from mailport_workspace.outbox.delivery import Delivered
from mailport_workspace.queries.draining import ClaimedMail

__all__ = ["Flight"]


class Flight:
    """What one drainer has begun to send. All of it is ``sending`` in the database, until ``forget`` says otherwise."""

    def __init__(self) -> None:
        self.answers: list[Delivered] = []
        self._tasks: dict[asyncio.Task[None], ClaimedMail] = {}
        self._failure: BaseException | None = None
        self._enough = 0
        self._heard = asyncio.Event()

    def __len__(self) -> int:
        """How many mails nobody has written the end of."""
        return len(self._tasks) + len(self.answers)

    @property
    def is_up(self) -> bool:
        """Whether an answer is to come."""
        return bool(self._tasks)

    @property
    def size(self) -> int:
        """The bytes of the mails that are under way."""
        return sum(mail.size for mail in self._tasks.values())

    def start(self, mail: ClaimedMail, sending: Coroutine[Any, Any, None]) -> None:
        """Begin to send a mail; ``sending`` puts what came of it among the answers."""
        task = asyncio.create_task(sending, name=f"send {mail.id}")
        self._tasks[task] = mail
        task.add_done_callback(self._land)

    async def wait(self, enough: int, linger: float) -> None:
        """Wait for the first answer, then ``linger`` seconds for others that can share its commit, until there are enough."""
        await self._until(1)
        with suppress(TimeoutError):
            async with asyncio.timeout(linger):
                await self._until(enough)
        if self._failure is not None:
            raise self._failure

    def forget(self, answers: Sequence[Delivered]) -> None:
        """Note that these answers, the first that came, are written down."""
        del self.answers[: len(answers)]

    async def stop(self) -> Sequence[ClaimedMail]:
        """Give up what is under way; return the mails of which nobody knows what became of them."""
        begun = dict(self._tasks)
        for task in begun:
            task.cancel()
        await asyncio.gather(*begun, return_exceptions=True)
        known = {answer.mail.id for answer in self.answers}
        return [mail for mail in begun.values() if mail.id not in known]

    async def _until(self, count: int) -> None:
        self._enough = count
        while self._tasks and len(self.answers) < count and self._failure is None:
            self._heard.clear()
            await self._heard.wait()

    def _land(self, task: asyncio.Task[None]) -> None:
        del self._tasks[task]
        if not task.cancelled():
            self._failure = self._failure or task.exception()
        if not self._tasks or len(self.answers) >= self._enough or self._failure is not None:
            self._heard.set()
