"""Parts inside parts: nested, unfinished, endless, and attached messages whose bytes must not change."""

from collections.abc import Iterator

from tests.corpus.case import Case, mail, multipart, named, part

PLAIN = part("text/plain", b"plain")
HTML = part("text/html", b"<p>html</p>")
IMAGE = part("image/png", b"\x89PNG", "Content-ID: <pixel@example.org>", "Content-Disposition: inline")
FILE = part("application/pdf", b"%PDF", "Content-Disposition: attachment; filename=a.pdf")
INNER = mail("Subject:   inner ", "X-Odd: =?broken?=", body=b"inner text\r\n  trailing \t\r\n")


def cases() -> Iterator[Case]:
    yield from named("structure", _usual())
    yield from named("boundary", _boundaries())
    yield from named("nested", _nested())
    yield from named("attached", _attached())
    yield from named("type", _types())


def _inside(raw: bytes) -> bytes:
    """Make a part of a message: its headers without From and To."""
    return raw.partition(b"MIME-Version: 1.0\r\n")[2].removesuffix(b"\r\n")


def _usual():
    body = {"text": "plain", "html": "<p>html</p>"}
    alternative = multipart(PLAIN, HTML, kind="alternative", boundary="b1")
    related = multipart(HTML, IMAGE, kind="related", boundary="b2")
    yield "text and HTML", alternative, body | {"files": []}
    yield "text, HTML and a file", multipart(_inside(alternative), FILE), body | {"files": [("a.pdf", b"%PDF")]}
    yield "HTML and its image", related, {"html": "<p>html</p>", "files": [("", b"\x89PNG")]}
    yield "text beside HTML with an image", multipart(PLAIN, _inside(related), kind="alternative"), body
    yield "everything", multipart(_inside(multipart(PLAIN, _inside(related), kind="alternative", boundary="b1")), FILE), body
    yield "two texts", multipart(PLAIN, part("text/plain", b"footer")), {"text": "plain\n\nfooter"}
    yield (
        "a text that is attached",
        multipart(PLAIN, part("text/plain", b"x", "Content-Disposition: attachment")),
        {"text": "plain"},
    )
    yield (
        "a text with a name",
        multipart(PLAIN, part("text/plain; name=a.txt", b"x")),
        {"text": "plain", "files": [("a.txt", b"x")]},
    )
    yield "only a file", multipart(FILE), {"text": "", "files": [("a.pdf", b"%PDF")]}
    yield "a file as the whole message", mail("Content-Type: application/pdf", body=b"%PDF"), {"files": [("", b"%PDF")]}
    yield "a file between texts", multipart(PLAIN, FILE, part("text/plain", b"x")), {"text": "plain\n\nx"}
    for end in (b"\n", b"\r\n"):
        yield f"line ends {end!r}", multipart(b"\n\nplain".replace(b"\n", end)[len(end) :], end=end), {"text": "plain"}
    yield "a thousand files", multipart(*[FILE] * 1000), {"files": [("a.pdf", b"%PDF")] * 1000}
    yield "a thousand empty parts", multipart(*[b"\r\n"] * 1000), {}
    yield "thirty thousand parts", multipart(*[b"\r\nx"] * 30_000), {}


def _boundaries():
    yield (
        "no boundary parameter",
        mail("Content-Type: multipart/mixed", body=b"--b\r\n\r\nx\r\n--b--\r\n"),
        {"text": "--b\n\nx\n--b--\n"},
    )
    yield "an empty boundary", mail('Content-Type: multipart/mixed; boundary=""', body=b"--\r\n\r\nx\r\n"), {}
    yield (
        "a boundary that never comes",
        mail("Content-Type: multipart/mixed; boundary=b", body=b"hello\r\n"),
        {"text": "hello\n"},
    )
    yield "no body at all", mail("Content-Type: multipart/mixed; boundary=b", body=b""), {"text": ""}
    yield "only the end", mail("Content-Type: multipart/mixed; boundary=b", body=b"--b--\r\n"), {}
    yield "no end", multipart(PLAIN, FILE, closed=False), {"text": "plain"}
    yield "cut in the middle of a header", multipart(PLAIN, FILE, closed=False)[:-40], {"text": "plain"}
    yield (
        "a preamble and an epilogue",
        multipart(PLAIN).replace(b"\r\n\r\n--b0", b"\r\n\r\npre\r\n--b0", 1) + b"post",
        {"text": "plain"},
    )
    yield "parts after the end", multipart(PLAIN) + b"--b0\r\n\r\nlate\r\n--b0--\r\n", {"text": "plain"}
    yield "spaces after the boundary", multipart(PLAIN).replace(b"--b0\r\n", b"--b0  \t\r\n"), {"text": "plain"}
    yield "a line that begins like the boundary", multipart(part("text/plain", b"a\r\n--b0x\r\nb")), {"text": "a\n--b0x\nb"}
    yield "the boundary inside a line", multipart(part("text/plain", b"a --b0 b")), {"text": "a --b0 b"}
    inner = multipart(PLAIN, HTML, boundary="b00")
    yield "a boundary that begins like the outer one", multipart(_inside(inner), FILE), {"text": "plain", "html": "<p>html</p>"}
    yield "the same boundary inside", multipart(_inside(multipart(PLAIN)), FILE), {}
    yield "a boundary of many signs", multipart(PLAIN, boundary="'()+_,-./:=? b"), {"text": "plain"}
    yield "an unquoted boundary", multipart(PLAIN).replace(b'"b0"', b"b0"), {"text": "plain"}
    yield "a boundary in 8-bit letters", multipart(PLAIN, boundary="bü"), {"text": "plain"}
    yield "a boundary in latin-1", multipart(PLAIN, boundary="bX").replace(b"bX", b"b\xfc"), {"text": "plain"}
    yield "an endless boundary", multipart(PLAIN, boundary="b" * 5000), {"text": "plain"}
    yield "a quotation that never ends", multipart(PLAIN).replace(b'"b0"', b'"b0'), {"text": "plain"}
    yield "two boundaries", multipart(PLAIN).replace(b'"b0"', b'"b0"; boundary=other'), {"text": "plain"}
    yield "a boundary in capitals", multipart(PLAIN).replace(b"boundary", b"BOUNDARY"), {"text": "plain"}
    yield "parts without headers or an empty line", multipart(b"plain"), {"text": "plain"}
    yield "parts with an empty head", multipart(b"\r\nplain"), {"text": "plain"}
    yield "parts with nothing", multipart(b"", b""), {"text": "\n\n"}
    yield (
        "an encoded multipart",
        multipart(PLAIN).replace(b"MIME-", b"Content-Transfer-Encoding: base64\r\nMIME-", 1),
        {"text": "plain"},
    )
    yield "dashes everywhere", multipart(part("text/plain", b"--\r\n" * 10_000), boundary="-"), {}
    yield "the boundary a hundred thousand times", multipart(*[b""] * 100_000, boundary="x"), {}
    yield "almost the boundary a hundred thousand times", multipart(part("text/plain", b"\n--b0x" * 100_000)), {}


def _nest(depth: int, inside: bytes) -> bytes:
    raw = inside
    for level in range(depth):
        raw = _inside(multipart(raw, boundary=f"n{level}")) + b"\r\n"
    return b"From: ann@example.org\r\n" + raw


def _nested():
    for depth in (2, 10, 31):
        yield f"{depth} levels of parts", _nest(depth, PLAIN), {"text": "plain", "files": []}
    for depth in (33, 100, 1000, 3000):
        yield f"{depth} levels of parts", _nest(depth, PLAIN), {"text": ""}
    yield (
        "levels that are never closed",
        b"From: a@example.org\r\n"
        + b"".join(
            f'Content-Type: multipart/mixed; boundary="n{level}"\r\n\r\n--n{level}\r\n'.encode() for level in range(2000)
        ),
        {},
    )
    message = INNER
    for _ in range(200):
        message = mail("Content-Type: message/rfc822", body=message)
    yield "200 messages inside messages", message, {"text": ""}


def _attached():
    yield "a forwarded message", multipart(PLAIN, part("message/rfc822", INNER)), {"text": "plain", "files": [("", INNER)]}
    yield "a message as the whole message", mail("Content-Type: message/rfc822", body=INNER), {"files": [("", INNER)]}
    lf = INNER.replace(b"\r\n", b"\n")
    yield "a forwarded message with line feeds", multipart(PLAIN, part("message/rfc822", lf)), {"files": [("", lf)]}
    binary = mail("Subject: x", body=bytes(range(256)) * 3 + b"\r")
    yield "a forwarded binary message", multipart(PLAIN, part("message/rfc822", binary)), {"files": [("", binary)]}
    yield "a forwarded message that is empty", multipart(PLAIN, part("message/rfc822", b"")), {"files": [("", b"")]}
    inner = multipart(PLAIN, FILE, boundary="inner")
    yield "a forwarded message of several parts", multipart(PLAIN, part("message/rfc822", inner)), {"files": [("", inner)]}
    signed = multipart(PLAIN, part("application/pkcs7-signature", b"\x30\x80"), kind="signed", boundary="s")
    yield "a forwarded signed message", multipart(PLAIN, part("message/rfc822", signed)), {"files": [("", signed)]}
    digest = multipart(b"\r\n" + INNER, b"\r\n" + INNER, kind="digest")
    yield "a digest", digest, {"files": [("", INNER), ("", INNER)], "text": ""}
    status = b"Reporting-MTA: dns; mx.example.org\r\n\r\nFinal-Recipient: rfc822; bob@example.org\r\nAction: failed\r\n"
    report = multipart(
        PLAIN, part("message/delivery-status", status), part("text/rfc822-headers", b"Subject: x\r\n"), kind="report"
    )
    yield "a delivery report", report, {"text": "plain", "files": [("", status), ("", b"Subject: x\r\n")]}
    yield "a part of a message", mail("Content-Type: message/partial; id=x; number=1", body=INNER), {"files": [("", INNER)]}
    yield (
        "a message elsewhere",
        mail("Content-Type: message/external-body; access-type=URL", body=b"x"),
        {"files": [("", b"x")]},
    )
    event = b"BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nEND:VCALENDAR\r\n"
    calendar = multipart(PLAIN, part("text/calendar; method=REQUEST", event), kind="alternative")
    yield "an invitation", calendar, {"text": "plain", "files": [("", event)]}


def _types():
    for stated in (
        "text",
        "text/",
        "/plain",
        "text/plain/x",
        "te xt/plain",
        "täxt/plain",
        "text\\plain",
        "\x01/\x02",
        "",
        ";",
        ";;;",
    ):
        yield f"the content type {stated!r}", mail(f"Content-Type: {stated}"), {"text": "hello\n"}
    yield (
        "the content type of a file is broken",
        mail("Content-Type: pdf; name=a.pdf", body=b"%PDF"),
        {"files": [("a.pdf", b"%PDF")]},
    )
    yield "a content type in capitals", mail("Content-Type: TEXT/HTML"), {"html": "hello\n"}
    yield "a content type with a comment", mail("Content-Type: text/plain (usual); charset=utf-8"), {"text": "hello\n"}
    yield "an unknown text", mail("Content-Type: text/x-unknown"), {"files": [("", b"hello\r\n")]}
    yield "an endless content type", mail("Content-Type: text/plain" + "; a=b" * 50_000), {"text": "hello\n"}
    yield "endless quotations", mail("Content-Type: text/plain" + '; a="' * 50_000), {}
    yield "endless semicolons", mail("Content-Type: text/plain" + ";" * 200_000), {"text": "hello\n"}
    yield "endless sections", mail("Content-Type: text/plain" + "".join(f"; name*{n}*=x" for n in range(20_000))), {}
