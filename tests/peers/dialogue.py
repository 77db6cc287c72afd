"""One connection of a scripted server, and the rule by which a test's script interferes with it."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress

Step = Callable[[], Awaitable[None]]  # what a correct server does at this point
Fault = Callable[["Dialogue", Step], Awaitable[None]]  # what it does instead; may run the step as well
Answer = str | Fault
Plan = Answer | list[Answer]  # a list holds one answer per call of the verb; afterwards the server behaves
Overrides = dict[str, Plan]


def abort(transport: asyncio.WriteTransport) -> None:
    """Close a connection at once; Python before 3.11.4 fails where its TLS has ended already."""
    with suppress(AttributeError):
        transport.abort()


class HangUp(Exception):
    """Close this connection now."""


class Dialogue:
    """Reads lines, writes replies, and lets the script have its way at every step."""

    tag = ""  # of the IMAP command at hand; replaces `{tag}` in replies

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, log: list[bytes], overrides: Overrides
    ) -> None:
        self.reader = reader
        self.writer = writer
        self.allowance: int | None = None  # bytes that may still leave; None is no limit
        self._log = log
        self._overrides = overrides

    async def step(self, verb: str, normal: Step) -> None:
        """Do `normal`, or what the test wants at this call of `verb`."""
        planned = self._next_answer(verb)
        if planned is None:
            await normal()
        else:
            await self.answer(planned, normal)

    async def answer(self, answer: Answer, normal: Step) -> None:
        """Give a fixed reply or play a fault."""
        if isinstance(answer, str):
            await self.reply(answer)
        else:
            await answer(self, normal)

    async def read_line(self) -> bytes:
        """The next line without its end, recorded; `HangUp` when the client has gone."""
        line = await self.reader.readline()
        if not line.endswith(b"\n"):
            raise HangUp
        line = line.rstrip(b"\r\n")
        self._log.append(line)
        return line

    async def reply(self, text: str) -> None:
        """Send one or more lines; the last line end is added."""
        await self.send(text.replace("{tag}", self.tag).encode(errors="surrogateescape") + b"\r\n")

    async def send(self, data: bytes) -> None:
        """Send bytes, as far as `allowance` lets them."""
        if self.allowance is not None:
            data = data[: self.allowance]
            self.allowance -= len(data)
        self.writer.write(data)
        await self.writer.drain()

    async def start_tls(self, context: ssl.SSLContext) -> None:
        """Continue under TLS."""
        await self.writer.start_tls(context)

    def _next_answer(self, verb: str) -> Answer | None:
        plan = self._overrides.get(verb)
        if isinstance(plan, list):
            return plan.pop(0) if plan else None
        return plan
