"""What can go wrong at the fake: put these into `faults`, and requests that match take them, one each."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from tests.peers.fake_graph_answers import error
from tests.peers.fake_graph_http import Lost, Reply, Request

Step = Callable[[], Awaitable[Reply]]
Behaviour = Callable[[Step], Awaitable[Reply]]


@dataclass
class Fault:
    """`behaviour` in place of the right answer for the next `times` requests whose "METHOD path" contains `match`."""

    behaviour: Behaviour
    match: str = ""
    times: int = 1

    def takes(self, request: Request) -> bool:
        """Whether this request meets the fault."""
        return self.times > 0 and self.match in f"{request.method} {request.path}"


def refused(status: int, code: str, message: str = "It is refused.", headers: Mapping[str, str] | None = None) -> Behaviour:
    """An error of Graph instead of the work."""

    async def behave(_: Step) -> Reply:
        return error(status, code, message, headers)

    return behave


def replied(reply: Reply) -> Behaviour:
    """A fixed answer instead of the work."""

    async def behave(_: Step) -> Reply:
        return reply

    return behave


def throttled(seconds: str | None) -> Behaviour:
    """429, with Retry-After or without."""
    headers = {"Retry-After": seconds} if seconds is not None else {}
    return refused(429, "ApplicationThrottled", "Application is over its MailboxConcurrency limit.", headers)


async def cut(_: Step) -> Reply:
    """Break the connection instead of working."""
    raise Lost


async def lose(work: Step) -> Reply:
    """Work, and break the connection instead of answering."""
    await work()
    raise Lost


def truncated(after: int) -> Behaviour:
    """Work, and break the connection in the middle of the answer's body."""

    async def behave(work: Step) -> Reply:
        return replace(await work(), cut=after)

    return behave


def slow(seconds: float) -> Behaviour:
    """Work late."""

    async def behave(work: Step) -> Reply:
        await asyncio.sleep(seconds)
        return await work()

    return behave


MALFORMED = replied(Reply(200, b'{"value": [', {"Content-Type": "application/json"}))
NOT_GRAPH = replied(Reply(200, b"<html>Sign in to the hotel network</html>", {"Content-Type": "text/html"}))
