"""How the scripted IMAP server renders the items of FETCH."""

import re

from tests.peers.imap_store import ImapMail
from tests.peers.session import Refusal

_ITEM = re.compile(
    r"(?P<body>BODY(?P<peek>\.PEEK)?\[(?P<section>[^\]]*)\](?:<(?P<offset>\d+)\.(?P<length>\d+)>)?)|(?P<atom>[^ ]+)"
)
_MACROS = {"FAST": "FLAGS INTERNALDATE RFC822.SIZE", "RFC822": "BODY[]", "RFC822.HEADER": "BODY.PEEK[HEADER]"}


def items(text: str, *, by_uid: bool) -> list[re.Match[str]]:
    """Take an item list apart; the answer to UID FETCH always holds the UID."""
    text = text.upper().removeprefix("(").removesuffix(")")
    text = _MACROS.get(text, text)
    if by_uid and "UID" not in text.split():
        text = f"UID {text}"
    return list(_ITEM.finditer(text))


def render(mail: ImapMail, wanted: list[re.Match[str]], *, read_only: bool = True) -> bytes:
    """What stands between the parentheses of the FETCH response; a body without PEEK sets `\\Seen`."""
    if not read_only and any(item["body"] and not item["peek"] for item in wanted):
        mail.flags.add("\\Seen")
    return b" ".join(_body(mail, item) if item["body"] else _atom(mail, item["atom"]) for item in wanted)


def _atom(mail: ImapMail, name: str) -> bytes:
    values = {
        "UID": str(mail.uid),
        "FLAGS": f"({' '.join(sorted(mail.flags))})",
        "RFC822.SIZE": str(len(mail.content)),
        "INTERNALDATE": f'"{mail.internal_date:%d-%b-%Y %H:%M:%S %z}"',
    }
    if name not in values:
        raise Refusal(f"BAD unknown item {name}")
    return f"{name} {values[name]}".encode()


def _body(mail: ImapMail, item: re.Match[str]) -> bytes:
    content = _section(mail, item["section"])
    key = f"BODY[{item['section']}]"
    if item["offset"]:
        offset = int(item["offset"])
        content = content[offset : offset + int(item["length"])]
        key += f"<{offset}>"
    return b"%b {%d}\r\n%b" % (key.encode(), len(content), content)


def _section(mail: ImapMail, section: str) -> bytes:
    if section == "":
        return mail.content
    if section == "HEADER":
        return mail.header
    if section == "TEXT":
        return mail.content[len(mail.header) :]
    if section.startswith("HEADER.FIELDS ("):
        names = section.removeprefix("HEADER.FIELDS (").removesuffix(")").split()
        return b"".join(f"{name}: {mail.field(name)}\r\n".encode() for name in names if mail.field(name)) + b"\r\n"
    raise Refusal(f"BAD unknown section {section}")
