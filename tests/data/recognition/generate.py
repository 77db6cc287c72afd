"""The labelled messages of the recognition set, built from the descriptions beside this file.

``python -m tests.data.recognition.generate FOLDER`` writes them as files, to be looked at with a mail program.
"""

import base64
import quopri
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from email.header import Header
from functools import cache
from pathlib import Path
from typing import Any

from mailport import Message, RecognitionRules

RULES = RecognitionRules(own_addresses=("desk@example.org",), own_domains=("example.org",))
"""The tenant to whom the messages were sent."""

_HERE = Path(__file__).parent
_KINDS = {"auto_replies": "auto-reply", "bounces": "bounce", "complaints": "complaint"}  # by file; elsewhere each says its own
_REPORT_TYPE = {
    "feedback-report": "message/feedback-report",
    "disposition-notification": "message/disposition-notification",
}


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """A message and what is true of it. ``reply`` is the text that a person wrote, None where that is not asked."""

    name: str
    kind: str
    source: str
    raw: bytes
    reply: str | None
    failed: tuple[str, ...]
    codes: tuple[str, ...]
    final: bool
    original_id: str

    @property
    def message(self) -> Message:
        return Message.read(self.raw)


@cache
def labelled() -> tuple[Labelled, ...]:
    """Every message, in the order of the files."""
    return tuple(_labelled(entry, path.stem) for path in sorted(_HERE.glob("*.toml")) for entry in _described(path.stem))


def _labelled(entry: dict[str, Any], file: str) -> Labelled:
    is_reply = file.startswith("replies_")
    wrote = entry.get("reply", entry.get("wrote"))
    return Labelled(
        name=entry["name"],
        kind="person" if is_reply else entry.get("kind", _KINDS.get(file, "person")),
        source=entry["source"],
        raw=_build(entry),
        reply=wrote.strip() if wrote is not None else None,
        failed=tuple(entry.get("failed", ())),
        codes=tuple(entry.get("codes", ())),
        final=entry.get("final", True),
        original_id=entry.get("original_id", ""),
    )


def _build(entry: dict[str, Any]) -> bytes:
    """Write the message by hand: the odd ones could not be made with a library that knows the rules."""
    body = entry["body"] if "body" in entry else entry["wrote"] + "\n" + entry["rest"]
    if "report" in entry:
        content = _report(entry, body)
    elif entry.get("shape") == "alternative":
        content = _multipart("alternative", entry, _text(body), _text(entry["html"], "html"))
    elif entry.get("shape") == "attached-bounce":
        bounce = next(one for one in _described("bounces") if one["name"] == "postfix-unknown-user")
        content = _multipart("mixed", entry, _text(body), "Content-Type: message/rfc822\n\n" + _build(bounce).decode())
    elif entry.get("shape") == "attached-mail":
        content = _multipart("mixed", entry, _text(body), "Content-Type: message/rfc822\n\n" + entry["attached"].lstrip("\n"))
    else:
        content = _text(body, entry.get("shape", "plain"), entry.get("encoding", "8bit"))
    head = "".join(f"{name}: {_header(value)}\n" for name, value in _headers(entry))
    return f"{head}MIME-Version: 1.0\n{content}".replace("\r\n", "\n").replace("\n", "\r\n").encode()


def _described(file: str) -> list[dict[str, Any]]:
    described: list[dict[str, Any]] = tomllib.loads((_HERE / f"{file}.toml").read_text(encoding="utf-8"))["message"]
    return described


def _headers(entry: dict[str, Any]) -> Iterator[tuple[str, str]]:
    head = entry.get("head", "From: ann@example.test\nSubject: Re: Printer\nIn-Reply-To: <sent-900@example.org>\n")
    given = [line.partition(":")[::2] for line in re.split(r"\n(?!\s)", head.strip("\n"))]  # folded ones stay folded
    names = {name.lower() for name, _ in given}
    defaults = {
        "To": "desk@example.org",
        "Date": "Mon, 02 Nov 2026 10:00:00 +0100",
        "Message-ID": f"<{entry['name']}@example.test>",
        "References": entry.get("references", ""),
    }
    yield from given
    yield from ((name, value) for name, value in defaults.items() if value and name.lower() not in names)


def _header(value: str) -> str:
    return value.strip(" ") if value.isascii() else Header(value.strip(), "utf-8").encode()


def _text(body: str, subtype: str = "plain", encoding: str = "8bit") -> str:
    coded = {
        "8bit": lambda: body,
        "quoted-printable": lambda: quopri.encodestring(body.encode()).decode(),
        "base64": lambda: base64.encodebytes(body.encode()).decode(),
    }[encoding]()
    return f"Content-Type: text/{subtype}; charset=utf-8\nContent-Transfer-Encoding: {encoding}\n\n{coded}"


def _report(entry: dict[str, Any], body: str) -> str:
    """Text, a part for machines, the headers of the mail concerned; without a report type it is a plain multipart/mixed."""
    machine = entry.get("status_type", _REPORT_TYPE.get(entry["report"], "message/delivery-status"))
    parts = [_text(body), f"Content-Type: {machine}\n\n{entry['status']}"]
    if "original" in entry:
        parts.append(f"Content-Type: text/rfc822-headers\n\n{entry['original']}")
    kind = f"report; report-type={entry['report']}" if entry["report"] else "mixed"
    return _multipart(kind, entry, *parts)


def _multipart(kind: str, entry: dict[str, Any], *parts: str) -> str:
    boundary = f"=_{entry['name']}"
    inner = "".join(f"--{boundary}\n{part}\n" for part in parts)
    return f'Content-Type: multipart/{kind}; boundary="{boundary}"\n\n{inner}--{boundary}--\n'


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for one in labelled():
        (folder / f"{one.kind}.{one.name}.eml").write_bytes(one.raw)
    print(f"{len(labelled())} messages in {folder}")  # noqa: T201 - a command
