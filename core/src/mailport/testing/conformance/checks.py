"""What several cases look for."""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import re
import traceback
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from mailport.errors import MailportError
from mailport.message import Message

__all__ = ["assert_same_content", "assert_untold", "eventually", "logged", "outcome", "polled", "within"]

T = TypeVar("T")

_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}")


def assert_same_content(arrived: bytes, sent: Message) -> None:
    """Compare what a reader of the message sees; a server may have rewritten how it is put."""
    read = Message.read(arrived)
    assert read.message_id == sent.message_id
    assert read.subject == sent.subject
    assert (read.sender, read.to, read.cc) == (sent.sender, sent.to, sent.cc)
    assert read.text.split() == sent.text.split()
    assert read.html.split() == sent.html.split()
    assert _files(read) == _files(sent)


def _files(message: Message) -> list[tuple[str, str, str | None, bytes]]:
    return [(file.filename, file.content_type, file.content_id, file.content) for file in message.attachments]


def assert_untold(secrets: Iterable[str], told: Iterable[object]) -> None:
    """No secret stands in any text of ``told``, not in base64 either. An error is looked through with its whole chain."""
    texts = [text for thing in told for text in _texts(thing)]
    decoded = [plain for text in texts for plain in _decoded(text)]
    for secret in secrets:
        for text in (*texts, *decoded):
            assert secret not in text, f"a secret is told: {text.replace(secret, '(the secret)')[:500]}"


def _texts(thing: object) -> Iterator[str]:
    yield from (str(thing), repr(thing))
    if isinstance(thing, BaseException):
        # A traceback shows source lines and messages, of the causes too.
        yield from traceback.format_exception(thing)
    if isinstance(thing, MailportError):
        yield repr(thing.as_dict())


def _decoded(text: str) -> Iterator[str]:
    for run in _BASE64.findall(text):
        try:
            yield base64.b64decode(run, altchars=b"-_" if re.search("[-_]", run) else None).decode("utf-8", "replace")
        except (binascii.Error, ValueError):
            continue


@contextmanager
def logged() -> Iterator[list[str]]:
    """Collect everything that is logged inside the block, at any level."""
    lines: list[str] = []
    handler = _Collector(lines)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        root.setLevel(level)
        root.removeHandler(handler)


class _Collector(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__(logging.DEBUG)
        self._lines = lines
        self.setFormatter(logging.Formatter("%(name)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(self.format(record))


async def polled(ask: Callable[[], Awaitable[T]], good: Callable[[T], bool], seconds: float) -> T:
    """Ask until the answer is ``good``, or for ``seconds``; return the last answer."""
    deadline = asyncio.get_running_loop().time() + seconds
    answer = await ask()
    while not good(answer) and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0.01)
        answer = await ask()
    return answer


async def eventually(true: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait until ``true()``; fail after ``seconds``, telling ``what`` was waited for."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not true():
        assert asyncio.get_running_loop().time() < deadline, f"after {seconds:g} s not yet: {what}"
        await asyncio.sleep(0.005)


async def within(seconds: float, work: Awaitable[T], what: str) -> T:
    """Do ``work`` and return what it gives; fail if it takes longer than ``seconds``."""
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            return await work
    except TimeoutError:
        if not limit.expired():
            raise
        raise AssertionError(f"{what} took longer than {seconds:g} s") from None


async def outcome(work: Awaitable[object], seconds: float) -> MailportError:
    """Return the error that ``work`` must end in."""
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            got = await work
    except MailportError as error:
        return error
    except TimeoutError:
        if not limit.expired():
            raise
        raise AssertionError(f"no outcome after {seconds:g} s") from None
    raise AssertionError(f"no error, but {got!r}")
