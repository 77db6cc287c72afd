"""The command loop that the scripted SMTP, IMAP and POP3 servers share."""

import ssl
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from tests.peers.dialogue import Dialogue

Handler = Callable[[str], Awaitable[None]]  # takes what follows the verb


class Refusal(Exception):
    """The text of the reply to a command that is out of place or malformed."""


class VerbSession(ABC):
    """One connection: reads commands and looks up their handlers, asking the test's script before each."""

    no_tls: str  # the refusal of a TLS upgrade that is not offered

    def __init__(self, dialogue: Dialogue, starttls: ssl.SSLContext | None) -> None:
        self.dialogue = dialogue
        self.reply = dialogue.reply
        self.can_start_tls = starttls is not None
        self._context = starttls

    async def run(self) -> None:
        """Serve until somebody hangs up."""
        await self.dialogue.step("GREETING", self.greet)
        while True:
            verb, argument = await self.read_command()
            await self.dialogue.step(verb, partial(self._do, verb, argument))

    @property
    @abstractmethod
    def verbs(self) -> Mapping[str, Handler]:
        """The handler of every verb."""

    @abstractmethod
    async def greet(self) -> None:
        """Speak first."""

    @abstractmethod
    async def refuse(self, text: str) -> None:
        """Answer a command that raised `Refusal`."""

    @abstractmethod
    async def unknown(self, argument: str) -> None:
        """Answer a verb that has no handler."""

    async def read_command(self) -> tuple[str, str]:
        """The next verb, in capitals, and what follows it."""
        verb, _, argument = (await self.dialogue.read_line()).decode(errors="replace").partition(" ")
        return verb.upper(), argument

    async def start_tls(self, go_ahead: str) -> None:
        """Reply `go_ahead` and continue under TLS, once."""
        if self._context is None or not self.can_start_tls:
            raise Refusal(self.no_tls)
        await self.reply(go_ahead)
        await self.dialogue.start_tls(self._context)
        self.can_start_tls = False

    async def _do(self, verb: str, argument: str) -> None:
        try:
            await self.verbs.get(verb, self.unknown)(argument)
        except Refusal as refusal:
            await self.refuse(str(refusal))
