"""How fast usual mail is read: headers, addresses, texts and the list of attachments, beside the readers that Python has.

Reads the same messages with every reader in turn, so that a busy machine slows all of them alike, and compares the best of
many rounds. Exits with 1 where ours is not 5 times faster than the standard library with ``policy.default``.
"""

from __future__ import annotations

import sys
import time
from base64 import encodebytes
from collections.abc import Callable
from email import message_from_bytes
from email.header import decode_header, make_header
from email.headerregistry import Address
from email.message import EmailMessage
from email.message import Message as StdlibMessage
from email.policy import SMTP, compat32, default
from email.utils import getaddresses
from random import randbytes

from fast_mail_parser import parse_email

from mailport import Message

ROUNDS = 40
LIMIT = 5.0

WORDS = "Guten Tag, hier ist der Auszug für den Monat, bitte prüfen Sie die Beträge und melden Sie sich.\n"


def usual(lines: int, *, html: bool, files: int) -> bytes:
    """Return a mail as servers deliver it: a dozen Received headers, a signature, texts and files."""
    message = EmailMessage(policy=SMTP)
    for hop in range(12):
        message["Received"] = (
            f"from mx{hop}.example.org (mx{hop}.example.org [192.0.2.{hop}]) by in.example.org; Tue, 24 Nov 2026"
        )
    message["DKIM-Signature"] = "v=1; a=rsa-sha256; d=example.org; h=from:to:subject; bh=" + "b" * 44 + "; b=" + "c" * 340
    message["From"] = Address("Ännchen Müller", "ann", "example.org")
    message["To"] = (Address("Bob", "bob", "example.org"), Address("Desk", "desk", "example.org"))
    message["Cc"] = Address("", "team", "example.org")
    message["Subject"] = "Grüße aus der Werkstatt und die Rechnung für November"
    message["Date"] = "Tue, 24 Nov 2026 10:00:00 +0100"
    message["Message-ID"] = "<0123456789abcdef@example.org>"
    message["References"] = "<first@example.org> <second@example.org>"
    message.set_content(WORDS * lines)
    if html:
        message.add_alternative(f"<p>{WORDS}</p>\n" * lines, subtype="html")
    for number in range(files):
        message.add_attachment(b"%PDF" * 300, maintype="application", subtype="pdf", filename=f"Übersicht {number}.pdf")
    return message.as_bytes()


MAILS = {
    "text": usual(10, html=False, files=0),
    "text and HTML": usual(15, html=True, files=0),
    "text, HTML, two files": usual(12, html=True, files=2),
}


def ours(raw: bytes) -> object:
    message = Message.read(raw)
    files = [(file.filename, file.content_type, len(file.content)) for file in message.attachments]
    return message.subject, message.sender, message.to, message.date, message.headers, message.text, message.html, files


def stdlib_default(raw: bytes) -> object:
    message = message_from_bytes(raw, policy=default)
    headers = [(name, str(value)) for name, value in message.items()]
    addresses = [message[name].addresses for name in ("From", "To", "Cc")]
    bodies = [body.get_content() for kind in ("plain", "html") if (body := message.get_body((kind,)))]
    files = [(part.get_filename(), part.get_content_type(), len(part.get_content())) for part in message.iter_attachments()]
    return headers, addresses, message["Date"].datetime, bodies, files


def stdlib_compat32(raw: bytes) -> object:
    message = message_from_bytes(raw, policy=compat32)
    headers = [(name, str(make_header(decode_header(value)))) for name, value in message.items()]
    addresses = getaddresses([message["From"], message["To"], message["Cc"]])
    leaves = [_leaf(part) for part in message.walk() if not part.is_multipart()]
    return headers, addresses, leaves


def _leaf(part: StdlibMessage) -> object:
    payload = part.get_payload(decode=True)
    text = payload.decode(part.get_content_charset("utf-8")) if part.get_content_maintype() == "text" else len(payload)
    return part.get_content_type(), part.get_filename(), text


def fast_mail_parser(raw: bytes) -> object:
    mail = parse_email(raw)
    files = [(file.filename, file.mimetype, len(file.content)) for file in mail.attachments]
    return mail.subject, mail.from_, mail.to, mail.date_parsed, mail.headers, mail.text_plain, mail.text_html, files


READERS = (ours, stdlib_default, stdlib_compat32, fast_mail_parser)


def main() -> int:
    print(f"{'message':>22} {'bytes':>6}" + "".join(f"{reader.__name__:>18}" for reader in READERS) + "   default : ours")
    slow = False
    for name, raw in MAILS.items():
        best = alternate(raw, READERS)
        ratio = best[stdlib_default] / best[ours]
        print(
            f"{name:>22} {len(raw):>6}" + "".join(f"{best[reader] * 1e3:>15.3f} ms" for reader in READERS) + f"   {ratio:>7.1f}"
        )
        slow = slow or ratio < LIMIT
    big_attachment()
    return 1 if slow else 0


def big_attachment() -> None:
    """Print what ``mailport[fast]`` brings where one attachment is most of the message."""
    raw = usual(10, html=False, files=0).replace(b"Received: ", b"Content-Type: a/b\r\nReceived: ", 1)
    raw = raw.partition(b"\r\n\r\n")[0].replace(b"Content-Transfer-Encoding: ", b"X-Was: ")
    raw += b"\r\nContent-Transfer-Encoding: base64\r\n\r\n" + encodebytes(randbytes(15_000_000)).replace(b"\n", b"\r\n")
    best = alternate(raw, (ours, without_accelerator, fast_mail_parser), rounds=5)
    print(f"{len(raw) / 1e6:.0f} MB: " + ", ".join(f"{reader.__name__} {took * 1e3:.0f} ms" for reader, took in best.items()))


def without_accelerator(raw: bytes) -> object:
    found = sys.modules["pybase64"]
    sys.modules["pybase64"] = None  # type: ignore[assignment]
    try:
        return ours(raw)
    finally:
        sys.modules["pybase64"] = found


def alternate(
    raw: bytes, readers: tuple[Callable[[bytes], object], ...], rounds: int = ROUNDS
) -> dict[Callable[[bytes], object], float]:
    """Return the shortest time of each reader."""
    best = dict.fromkeys(readers, float("inf"))
    for _ in range(rounds):
        for reader in readers:
            started = time.perf_counter()
            for _ in range(5):
                reader(raw)
            best[reader] = min(best[reader], (time.perf_counter() - started) / 5)
    return best


if __name__ == "__main__":
    sys.exit(main())
