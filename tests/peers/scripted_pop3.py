"""A minimal correct POP3 server that a test can make misbehave at any verb."""

import re
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.peers.dialogue import Dialogue, HangUp, Plan
from tests.peers.sasl import Accounts
from tests.peers.scripted import VerbServer
from tests.peers.session import Handler, Refusal, VerbSession

CAPABILITIES = ("TOP", "UIDL", "USER", "SASL PLAIN XOAUTH2 OAUTHBEARER", "RESP-CODES", "AUTH-RESP-CODE")


@dataclass(frozen=True)
class Pop3Mail:
    """One message of the maildrop."""

    uidl: str
    content: bytes


class ScriptedPop3(VerbServer):
    """POP3 over `maildrop`, a list that tests may change; a session sees what was there when it signed in.

    The steps that `overrides` can name are GREETING and the verbs. `users` holds the password or token of each user;
    without it everybody may sign in. `starttls` offers STLS, `tls` is implicit TLS. TOP, UIDL and each mechanism
    exist as far as `capabilities` names them. Attempts to sign in are in `logins`.
    """

    def __init__(
        self,
        overrides: Mapping[str, Plan] | None = None,
        *,
        messages: Sequence[bytes] = (),
        capabilities: Sequence[str] = CAPABILITIES,
        users: Mapping[str, str] | None = None,
        starttls: ssl.SSLContext | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(overrides, tls=tls)
        self.maildrop = [Pop3Mail(f"uidl-{number}", content) for number, content in enumerate(messages, 1)]
        self.capabilities = capabilities
        self.starttls = starttls
        self.accounts = Accounts(users)
        self.logins = self.accounts.logins

    async def converse(self, dialogue: Dialogue) -> None:
        """Serve one connection."""
        await _Session(self, dialogue).run()


class _Session(VerbSession):
    no_tls = "not offered"

    def __init__(self, server: ScriptedPop3, dialogue: Dialogue) -> None:
        super().__init__(dialogue, server.starttls)
        self._server = server
        self._username = ""
        self._maildrop: list[Pop3Mail] | None = None  # None before the sign-in
        self._deleted: set[int] = set()

    @property
    def verbs(self) -> Mapping[str, Handler]:
        return {
            "CAPA": self._capa,
            "STLS": self._stls,
            "USER": self._user,
            "PASS": self._pass,
            "AUTH": self._auth,
            "STAT": self._stat,
            "LIST": self._list,
            "UIDL": self._uidl,
            "TOP": self._top,
            "RETR": self._retr,
            "DELE": self._dele,
            "NOOP": self._noop,
            "RSET": self._rset,
            "QUIT": self._quit,
        }

    async def greet(self) -> None:
        await self._ok("ready")

    async def refuse(self, text: str) -> None:
        await self.reply(f"-ERR {text}")

    async def unknown(self, _: str) -> None:
        await self.refuse("unknown command")

    async def _capa(self, _: str) -> None:
        await self._lines("capabilities", [*self._server.capabilities, *(["STLS"] if self.can_start_tls else [])])

    async def _stls(self, _: str) -> None:
        await self.start_tls("+OK go ahead")

    async def _user(self, username: str) -> None:
        self._username = username
        await self._ok("and the password?")

    async def _pass(self, password: str) -> None:
        await self._enter(self._server.accounts.admit("USER", self._username, password))

    async def _auth(self, argument: str) -> None:
        mechanism, _, initial = argument.partition(" ")
        if mechanism.upper() not in self._capability("SASL"):
            raise Refusal("unknown mechanism")
        try:
            admitted = await self._server.accounts.authenticate(mechanism.upper(), initial, self._ask)
        except ValueError as error:
            raise Refusal("malformed authentication") from error
        await self._enter(admitted)

    async def _ask(self, challenge: str) -> str:
        await self.reply(f"+ {challenge}")
        return (await self.dialogue.read_line()).decode()

    async def _enter(self, admitted: bool) -> None:
        if not admitted:
            raise Refusal("[AUTH] authentication failed")
        self._maildrop = list(self._server.maildrop)
        await self._ok("signed in")

    async def _stat(self, _: str) -> None:
        present = self._present()
        await self._ok(f"{len(present)} {sum(len(mail.content) for mail in present.values())}")

    async def _list(self, argument: str) -> None:
        await self._listing(argument, {number: str(len(mail.content)) for number, mail in self._present().items()})

    async def _uidl(self, argument: str) -> None:
        self._capability("UIDL")
        await self._listing(argument, {number: mail.uidl for number, mail in self._present().items()})

    async def _listing(self, argument: str, facts: dict[int, str]) -> None:
        if argument:
            number = self._number(argument)
            await self._ok(f"{number} {facts[number]}")
        else:
            await self._lines("listing follows", [f"{number} {fact}" for number, fact in facts.items()])

    async def _top(self, argument: str) -> None:
        self._capability("TOP")
        number, _, lines = argument.partition(" ")
        header, gap, body = self._present()[self._number(number)].content.partition(b"\r\n\r\n")
        await self._content(header + gap + b"".join(body.splitlines(keepends=True)[: int(lines)]))

    async def _retr(self, argument: str) -> None:
        await self._content(self._present()[self._number(argument)].content)

    async def _dele(self, argument: str) -> None:
        self._deleted.add(self._number(argument))
        await self._ok("deleted")

    async def _noop(self, _: str) -> None:
        self._present()
        await self._ok("")

    async def _rset(self, _: str) -> None:
        self._present()
        self._deleted.clear()
        await self._ok("")

    async def _quit(self, _: str) -> None:
        gone = {mail.uidl for number, mail in enumerate(self._maildrop or (), 1) if number in self._deleted}
        self._server.maildrop = [mail for mail in self._server.maildrop if mail.uidl not in gone]
        await self._ok("bye")
        raise HangUp

    async def _ok(self, text: str) -> None:
        await self.reply(f"+OK {text}".rstrip())

    async def _lines(self, title: str, lines: Sequence[str]) -> None:
        await self.reply("\r\n".join([f"+OK {title}", *lines, "."]))

    async def _content(self, content: bytes) -> None:
        ended = content if content.endswith(b"\r\n") else content + b"\r\n"
        stuffed = re.sub(rb"^\.", b"..", ended, flags=re.MULTILINE)
        await self.dialogue.send(b"+OK message follows\r\n" + stuffed + b".\r\n")

    def _capability(self, keyword: str) -> list[str]:
        """The parameters of a capability that is offered."""
        for line in self._server.capabilities:
            offered, *parameters = line.split()
            if offered == keyword:
                return parameters
        raise Refusal("unknown command")

    def _present(self) -> dict[int, Pop3Mail]:
        """The messages that are not marked as deleted, by number."""
        if self._maildrop is None:
            raise Refusal("sign in first")
        return {number: mail for number, mail in enumerate(self._maildrop, 1) if number not in self._deleted}

    def _number(self, argument: str) -> int:
        if not argument.isdigit() or int(argument) not in self._present():
            raise Refusal("no such message")
        return int(argument)
