"""One message on its way over a session: what is written for it, what the server answered, and how it ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from mailport_smtp.smtp.content import Content
from mailport_smtp.smtp.replies import Reply

__all__ = ["Lost", "Transaction", "Verdict"]

_GO_AHEAD = 354


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the server said to one message: to MAIL, to each RCPT, to DATA, and to its content; None where not asked."""

    mail: Reply
    recipients: tuple[Reply, ...] = ()
    data: Reply | None = None
    content: Reply | None = None


class Lost(Exception):
    """The session ended before this message was answered.

    ``handed_over`` says whether its last byte had been written; ``recipients`` are then the replies to each RCPT.
    """

    def __init__(self, why: Exception, *, handed_over: bool = False, recipients: tuple[Reply, ...] = ()) -> None:
        super().__init__(str(why))
        self.why = why
        self.handed_over = handed_over
        self.recipients = recipients


class Transaction:
    """The commands of one message, and what became of it.

    ``outcome`` is for the one who waits: a ``Verdict`` or an error, cancelled when nobody waits any more. ``when_ended``
    is called once the session is through with the message, whether or not somebody still waits.
    """

    def __init__(self, mail: bytes, recipients: tuple[bytes, ...], content: Content) -> None:
        self.mail = mail
        self.recipients = recipients
        self.content = content
        self.outcome: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        self.when_ended: list[Callable[[], object]] = []
        self.replies: list[Reply] = []
        self.content_begun = False
        self.handed_over = False
        self.withdrawn = False
        self._expected = 0
        self._answered: asyncio.Future[None] | None = None

    @property
    def commands(self) -> tuple[bytes, ...]:
        """What is asked before the content."""
        return (self.mail, *self.recipients, b"DATA\r\n")

    @property
    def is_hopeless(self) -> bool:
        """Whether the server refused the sender, or every recipient: nothing is left to be asked."""
        to_recipients = self.replies[1 : 1 + len(self.recipients)]
        refused = len(to_recipients) == len(self.recipients) and not any(reply.is_positive for reply in to_recipients)
        return not self.replies[0].is_positive or refused

    @property
    def is_invited(self) -> bool:
        """Whether the server now waits for the content."""
        return len(self.replies) == len(self.commands) and self.replies[-1].code == _GO_AHEAD

    def expect(self, count: int) -> asyncio.Future[None]:
        """Return a future that ends when ``count`` more replies were heard."""
        self._expected = len(self.replies) + count
        self._answered = asyncio.get_running_loop().create_future()
        return self._answered

    def hear(self, reply: Reply) -> None:
        """Take a reply to a command."""
        self.replies.append(reply)
        if len(self.replies) == self._expected and self._answered is not None and not self._answered.done():
            self._answered.set_result(None)

    def hear_last(self, reply: Reply) -> None:
        """Take the reply to the content."""
        self.replies.append(reply)
        self.conclude()

    def conclude(self) -> None:
        """End with what the server said."""
        asked = 1 + len(self.recipients)
        data, content = (*self.replies[asked:], None, None)[:2]
        if not self.outcome.done():
            mail, recipients = self.replies[0], tuple(self.replies[1:asked])
            self.outcome.set_result(Verdict(mail=mail, recipients=recipients, data=data, content=content))
        self._end()

    def lose(self, why: Exception) -> None:
        """End because the session ended."""
        asked = 1 + len(self.recipients)
        heard = tuple(self.replies[1:asked]) if self.handed_over else ()
        self.fail(Lost(why, handed_over=self.handed_over, recipients=heard))

    def fail(self, error: Exception) -> None:
        """End without an answer."""
        if not self.outcome.done():
            self.outcome.set_exception(error)
            self.outcome.exception()  # seen: nobody waiting any more is no reason for a warning
        self._end()

    def _end(self) -> None:
        told, self.when_ended = self.when_ended, []
        for tell in told:
            tell()
