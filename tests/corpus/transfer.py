"""Contents that are encoded wrongly, unfinished, or not at all."""

from collections.abc import Iterator

from tests.corpus.case import Case, mail, multipart, named, part

BASE64 = {
    b"aGVsbG8=": b"hello",
    b"aGVsbG8": b"hello",
    b"aGVsbG": b"hell",
    b"aGVsb": b"hel",
    b"a": b"",
    b"": b"",
    b"====": b"",
    b"aGVs\r\nbG8=\r\n": b"hello",
    b"aGVs\r\n\r\n\r\nbG8=": b"hello",
    b" aGVs bG8= ": b"hello",
    b"aGVs*bG8=": b"hello",
    b"aGVs\xffbG8=": b"hello",
    b"aGVs\0bG8=": b"hello",
    b"aGVsbG8=\r\n\r\nA footer of a mailing list\r\n": b"hello",
    b"!!!!": b"",
    b"=aGVsbG8=": b"hello",
}
QUOTED = {
    b"caf=C3=A9": "café".encode(),
    b"caf=c3=a9": "café".encode(),
    b"a=\r\nb": b"ab",
    b"a=\nb": b"ab",
    b"a= \r\nb": b"ab",
    b"a=": b"a",
    b"a=ZZ": b"a=ZZ",
    b"a=4": b"a=4",
    b"a=3D=3D": b"a==",
    b"a_b": b"a_b",
    b"caf\xc3\xa9": "café".encode(),
    b"=" * 1000: None,
    b"=\r\n" * 1000: b"",
}
UU = b"begin 644 a.txt\r\n%:&5L;&\\\r\n`\r\nend\r\n"


def cases() -> Iterator[Case]:
    yield from named("base64", _encoded("base64", BASE64))
    yield from named("quoted", _encoded("quoted-printable", QUOTED))
    yield from named("encoding", _others())


def _encoded(encoding, table):
    for encoded, octets in table.items():
        file = part("application/x-a; name=a", encoded, f"Content-Transfer-Encoding: {encoding}")
        yield f"{encoding} {encoded[:30]!r}", multipart(file), {} if octets is None else {"files": [("a", octets)]}


def _others():
    for name in ("7bit", "8bit", "binary", "", "unknown", "8-bit", "BASE 64", "\x01", "x" * 10_000):
        raw = multipart(part("application/x-a; name=a", b"a\r\nb\xff", f"Content-Transfer-Encoding: {name}"))
        yield f"the encoding {name[:20]!r}", raw, {"files": [("a", b"a\r\nb\xff")]}
    for name in ("BASE64", "Base64", " base64 ", "base64 (comment)"):
        raw = multipart(part("application/x-a; name=a", b"aGVsbG8=", f"Content-Transfer-Encoding: {name}"))
        yield f"the encoding {name!r}", raw, {"files": [("a", b"hello")]}
    for name in ("x-uuencode", "uuencode", "x-uue"):
        raw = multipart(part("application/x-a; name=a", UU, f"Content-Transfer-Encoding: {name}"))
        yield f"the encoding {name}", raw, {"files": [("a", b"hello")]}
    yield "uuencode without an end", multipart(part("a/b; name=a", UU[:20], "Content-Transfer-Encoding: uuencode")), {}
    yield "uuencode of nothing", multipart(part("a/b; name=a", b"begin ", "Content-Transfer-Encoding: uuencode")), {}
    yield "text in base64", mail("Content-Transfer-Encoding: base64", body=b"Z3LDvMOfZQ=="), {"text": "grüße"}
    yield (
        "text in base64 with bare line feeds",
        mail("Content-Transfer-Encoding: base64", body=b"YQpiDQpj"),
        {"text": "a\nb\nc"},
    )
    yield (
        "HTML in quoted-printable",
        mail("Content-Type: text/html", "Content-Transfer-Encoding: quoted-printable", body=b"<a href=3Dx>"),
        {"html": "<a href=x>"},
    )
    yield "two encodings", mail("Content-Transfer-Encoding: 7bit", "Content-Transfer-Encoding: base64"), {"text": "hello\n"}
    yield (
        "a megabyte of base64 lines",
        mail("Content-Transfer-Encoding: base64", body=b"YWFh\r\n" * 200_000),
        {"text": "aaa" * 200_000},
    )
    yield (
        "a megabyte of soft line breaks",
        mail("Content-Transfer-Encoding: quoted-printable", body=b"a=\r\n" * 250_000),
        {"text": "a" * 250_000},
    )
