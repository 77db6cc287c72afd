"""The messages of the kit: what real mail does to a transport, once each.

``COMPOSED`` are made by a host, ``ORIGINALS`` are bytes that exist already. Both are called with a sender and recipients.
"""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

from mailport.content import Attachment
from mailport.message import Message

__all__ = ["COMPOSED", "ORIGINALS", "incoming", "plain"]

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360f8cf500f0003860180a8d4b2c20000000049454e44ae426082"
)
"""A PNG of one pixel."""


def plain(sender: str, *to: str, subject: str = "Plain") -> Message:
    """Return the simplest mail."""
    return Message.compose(sender=sender, to=to, subject=subject, text="Good morning.\n")


def non_ascii(sender: str, *to: str) -> Message:
    """Return a mail with other alphabets in every place that people write in."""
    return Message.compose(
        sender=f"Zoë Übel <{sender}>",
        to=to,
        subject="Grüße, 例え, שלום, and a subject that is long enough to be folded over two or three lines of a header",
        text="Schöne Grüße\n例え\n",
        html="<p>Schöne Grüße → 例え</p>",
        attachments=[Attachment(filename="Prüfbericht → 試験.txt", content=b"ok\n", content_type="text/plain")],
    )


def dots_and_lines(sender: str, *to: str) -> Message:
    """Return a mail whose text looks like commands: lone dots, "From ", empty lines at the end."""
    return Message.compose(sender=sender, to=to, subject="Dots", text=".\n..\nFrom here\n.end\n\n>From there\n\n\n")


def inline_image(sender: str, *to: str) -> Message:
    """Return a mail whose HTML shows an image that it carries."""
    return Message.compose(
        sender=sender,
        to=to,
        subject="Image",
        text="See the image.\n",
        html='<p>See <img src="cid:pixel@example.org" alt="pixel"></p>',
        attachments=[
            Attachment(
                filename="pixel.png",
                content=PIXEL,
                content_type="image/png",
                content_id="pixel@example.org",
                inline=True,
            )
        ],
    )


def big_attachment(sender: str, *to: str) -> Message:
    """Return a mail of about 4 MB with every byte value in it."""
    return Message.compose(
        sender=sender,
        to=to,
        subject="Big",
        text="The file is attached.\n",
        attachments=[
            Attachment(filename="big.bin", content=bytes(range(256)) * 12_000, content_type="application/octet-stream"),
            Attachment(filename="empty.bin", content=b""),
        ],
    )


def long_ids(sender: str, *to: str) -> Message:
    """Return a reply to a message of Exchange, whose ids have 80 characters; threading hangs on every one of them."""
    ids = [f"<{'AM0PR04MB1234' + uuid4().hex.upper()}@AM0PR04MB1234.eurprd04.prod.outlook.com>" for _ in range(4)]
    return Message.compose(
        sender=sender, to=to, subject="Re: Thread", text="Yes.\n", in_reply_to=ids[-1], references=tuple(ids)
    )


COMPOSED: dict[str, Callable[..., Message]] = {
    "plain": plain,
    "non_ascii": non_ascii,
    "dots_and_lines": dots_and_lines,
    "inline_image": inline_image,
    "big_attachment": big_attachment,
    "long_ids": long_ids,
}


def _original(sender: str, to: tuple[str, ...], rest: bytes, *headers: bytes) -> bytes:
    head = [
        b"From: " + sender.encode(),
        b"To: " + ", ".join(to).encode(),
        b"Message-ID: <" + uuid4().hex.encode() + b"@example.org>",
        b"Date: Mon, 2 Nov 2026 09:15:00 +0100",
        *headers,
    ]
    return b"\r\n".join(head) + b"\r\n" + rest


def signed(sender: str, *to: str) -> bytes:
    """Return a mail that any rewriting breaks: odd spacing, folding and order of its headers, no MIME-Version."""
    return _original(
        sender, to, b"\r\nbody  with   spaces \t\r\n.\r\n\r\n", b"X-Odd:   two  spaces ", b"SUBJECT:\tfolded\r\n  subject"
    )


def eight_bit(sender: str, *to: str) -> bytes:
    """Return a mail with 8-bit bytes in its body, as they stand."""
    body = b"\r\nGr\xc3\xbc\xc3\x9fe, and latin-1: \xfc\xe4\r\n"
    return _original(
        sender,
        to,
        body,
        b"Subject: 8bit",
        b"MIME-Version: 1.0",
        b"Content-Type: text/plain; charset=utf-8",
        b"Content-Transfer-Encoding: 8bit",
    )


ORIGINALS: dict[str, Callable[..., bytes]] = {"signed": signed, "eight_bit": eight_bit}


def incoming(subject: str = "Incoming", *, size: int = 0) -> bytes:
    """Return the bytes of a mail that lies in a mailbox; its body has about ``size`` bytes more."""
    line = b"0123456789" * 7 + b"\r\n"
    body = b"Good evening.\r\n" + line * (size // len(line))
    return _original("ann@example.org", ("inbox@example.org",), b"\r\n" + body, b"Subject: " + subject.encode())
