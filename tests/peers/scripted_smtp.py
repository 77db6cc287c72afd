"""A minimal correct SMTP server that a test can make misbehave at any verb."""

import re
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from tests.peers.dialogue import Answer, Dialogue, Fault, HangUp, Plan, Step
from tests.peers.faults import NORMAL
from tests.peers.sasl import Accounts
from tests.peers.scripted import VerbServer
from tests.peers.session import Handler, Refusal, VerbSession

EXTENSIONS = (
    "PIPELINING",
    "SIZE 10485760",
    "8BITMIME",
    "SMTPUTF8",
    "DSN",
    "ENHANCEDSTATUSCODES",
    "AUTH PLAIN LOGIN XOAUTH2 OAUTHBEARER",
)
_MAIL_PARAMETERS = {"SIZE": "SIZE", "BODY": "8BITMIME", "SMTPUTF8": "SMTPUTF8", "RET": "DSN", "ENVID": "DSN"}
_RCPT_PARAMETERS = {"NOTIFY": "DSN", "ORCPT": "DSN"}


@dataclass
class Received:
    """One accepted message with its envelope."""

    sender: str
    mail_parameters: list[str]
    recipients: list[str] = field(default_factory=list)
    rcpt_parameters: list[list[str]] = field(default_factory=list)  # one list per recipient
    content: bytes = b""


class ScriptedSmtp(VerbServer):
    """SMTP with AUTH, PIPELINING, SIZE, SMTPUTF8, DSN, and BDAT when CHUNKING is in `extensions`.

    The steps that `overrides` can name are GREETING, the verbs, and BODY (the final dot or last chunk was read).
    `recipients` gives single addresses an answer of their own at RCPT. `users` holds the password or token of each
    user; without it everybody may sign in. `starttls` offers the upgrade, `tls` is implicit TLS. Accepted mail is in
    `messages`, attempts to sign in are in `logins`.
    """

    def __init__(
        self,
        overrides: Mapping[str, Plan] | None = None,
        *,
        extensions: Sequence[str] = EXTENSIONS,
        recipients: Mapping[str, Answer] | None = None,
        users: Mapping[str, str] | None = None,
        starttls: ssl.SSLContext | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(overrides, tls=tls)
        self.extensions = extensions
        self.recipients = recipients or {}
        self.starttls = starttls
        self.accounts = Accounts(users)
        self.logins = self.accounts.logins
        self.messages: list[Received] = []

    async def converse(self, dialogue: Dialogue) -> None:
        """Serve one connection."""
        await _Session(self, dialogue).run()


def cut_data(after: int) -> Fault:
    """For DATA: accept it, disconnect when `after` bytes of the content have come."""

    async def fault(dialogue: Dialogue, _: Step) -> None:
        await dialogue.reply("354 End data with <CR><LF>.<CR><LF>")
        await dialogue.reader.readexactly(after)
        raise HangUp

    return fault


class _Session(VerbSession):
    no_tls = "502 5.5.1 Not offered"

    def __init__(self, server: ScriptedSmtp, dialogue: Dialogue) -> None:
        super().__init__(dialogue, server.starttls)
        self._server = server
        self._message: Received | None = None
        self._chunks: list[bytes] = []

    @property
    def verbs(self) -> Mapping[str, Handler]:
        return {
            "EHLO": self._ehlo,
            "HELO": self._helo,
            "STARTTLS": self._starttls,
            "AUTH": self._auth,
            "MAIL": self._mail,
            "RCPT": self._rcpt,
            "DATA": self._data,
            "BDAT": self._bdat,
            "RSET": self._rset,
            "NOOP": self._noop,
            "QUIT": self._quit,
        }

    async def greet(self) -> None:
        await self.reply("220 mail.example.test ESMTP")

    async def refuse(self, text: str) -> None:
        await self.reply(text)

    async def unknown(self, _: str) -> None:
        await self.reply("500 5.5.2 Command not recognized")

    async def _ehlo(self, _: str) -> None:
        self._forget()
        offered = list(self._server.extensions)
        if self.can_start_tls:
            offered.append("STARTTLS")
        lines = ["mail.example.test", *offered]
        await self.reply("\r\n".join([*(f"250-{line}" for line in lines[:-1]), f"250 {lines[-1]}"]))

    async def _helo(self, _: str) -> None:
        self._forget()
        await self.reply("250 mail.example.test")

    async def _starttls(self, _: str) -> None:
        await self.start_tls("220 2.0.0 Go ahead")
        self._forget()

    async def _auth(self, argument: str) -> None:
        mechanism, _, initial = argument.partition(" ")
        if mechanism.upper() not in (self._extension("AUTH") or "").split():
            raise Refusal("504 5.5.4 Unrecognized authentication type")
        try:
            admitted = await self._server.accounts.authenticate(mechanism.upper(), initial, self._ask)
        except ValueError as error:
            raise Refusal("501 5.5.2 Malformed authentication") from error
        await self.reply("235 2.7.0 Signed in" if admitted else "535 5.7.8 Authentication credentials invalid")

    async def _ask(self, challenge: str) -> str:
        await self.reply(f"334 {challenge}")
        return (await self.dialogue.read_line()).decode()

    async def _mail(self, argument: str) -> None:
        if self._message:
            raise Refusal("503 5.5.1 Nested MAIL command")
        address, parameters = _path("FROM", argument)
        self._check(address, parameters, _MAIL_PARAMETERS, utf8="SMTPUTF8" in parameters)
        self._check_size(parameters)
        self._message = Received(address, parameters)
        await self.reply("250 2.1.0 Sender ok")

    async def _rcpt(self, argument: str) -> None:
        if self._message is None:
            raise Refusal("503 5.5.1 Need MAIL first")
        address, parameters = _path("TO", argument)
        self._check(address, parameters, _RCPT_PARAMETERS, utf8="SMTPUTF8" in self._message.mail_parameters)
        accept = partial(self._accept_recipient, self._message, address, parameters)
        await self.dialogue.answer(self._server.recipients.get(address, NORMAL), accept)

    async def _accept_recipient(self, message: Received, address: str, parameters: list[str]) -> None:
        message.recipients.append(address)
        message.rcpt_parameters.append(parameters)
        await self.reply("250 2.1.5 Recipient ok")

    async def _data(self, _: str) -> None:
        message = self._ready_for_content()
        await self.reply("354 End data with <CR><LF>.<CR><LF>")
        while (line := await self.dialogue.reader.readuntil(b"\n")) != b".\r\n":
            self._chunks.append(line.removeprefix(b"."))
        await self._finish(message)

    async def _bdat(self, argument: str) -> None:
        length, _, last = argument.partition(" ")
        self._chunks.append(await self.dialogue.reader.readexactly(int(length)))
        if self._extension("CHUNKING") is None:
            raise Refusal("502 5.5.1 Not offered")
        message = self._ready_for_content()
        if last.upper() == "LAST":
            await self._finish(message)
        else:
            await self.reply("250 2.0.0 Chunk ok")

    async def _finish(self, message: Received) -> None:
        message.content = b"".join(self._chunks)
        self._forget()
        await self.dialogue.step("BODY", partial(self._accept_message, message))

    async def _accept_message(self, message: Received) -> None:
        self._server.messages.append(message)
        await self.reply(f"250 2.0.0 Queued as {len(self._server.messages)}")

    async def _rset(self, _: str) -> None:
        self._forget()
        await self.reply("250 2.0.0 Ok")

    async def _noop(self, _: str) -> None:
        await self.reply("250 2.0.0 Ok")

    async def _quit(self, _: str) -> None:
        await self.reply("221 2.0.0 Bye")
        raise HangUp

    def _forget(self) -> None:
        self._message, self._chunks = None, []

    def _ready_for_content(self) -> Received:
        if self._message is None:
            raise Refusal("503 5.5.1 Need MAIL first")
        if not self._message.recipients:
            raise Refusal("554 5.5.1 No valid recipients")
        return self._message

    def _extension(self, keyword: str) -> str | None:
        """The parameters of an extension, None when it is not offered."""
        for line in self._server.extensions:
            offered, _, parameters = line.partition(" ")
            if offered == keyword:
                return parameters
        return None

    def _check(self, address: str, parameters: list[str], needs: Mapping[str, str], *, utf8: bool) -> None:
        for parameter in parameters:
            extension = needs.get(parameter.partition("=")[0].upper())
            if extension is None or self._extension(extension) is None:
                raise Refusal("555 5.5.4 Parameter not recognized")
        if not address.isascii() and not utf8:
            raise Refusal("553 5.6.7 The address needs SMTPUTF8")

    def _check_size(self, parameters: list[str]) -> None:
        limit = int(self._extension("SIZE") or 0)
        sizes = [int(parameter[5:]) for parameter in parameters if parameter.upper().startswith("SIZE=")]
        if limit and any(size > limit for size in sizes):
            raise Refusal("552 5.3.4 Message size exceeds fixed limit")


def _path(keyword: str, argument: str) -> tuple[str, list[str]]:
    """Address and parameters of `FROM:<address> parameters`."""
    found = re.fullmatch(rf"{keyword}:<([^<>]*)>((?: [^ ]+)*)", argument, re.IGNORECASE)
    if found is None:
        raise Refusal("501 5.5.4 Syntax error in parameters")
    return found[1], found[2].split()
