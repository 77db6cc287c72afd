"""Texts in every charset, and in charsets that do not fit."""

import codecs
from collections.abc import Iterator

from tests.corpus.case import Case, mail, named

WORDS = {
    "utf-8": "Grüße 你好 Привет",
    "utf-16": "Grüße 你好",
    "utf-16-le": "Grüße",
    "utf-32": "Grüße",
    "utf-7": "Grüße",
    "iso-8859-1": "Grüße",
    "iso-8859-2": "Zażółć",
    "iso-8859-5": "Привет",
    "iso-8859-7": "Καλημέρα",
    "iso-8859-8": "שלום",
    "iso-8859-9": "Günaydın",  # noqa: RUF001
    "iso-8859-15": "Preis: 5 €",
    "windows-1250": "Zażółć",
    "windows-1251": "Привет",
    "windows-1252": "Preis: 5 € „gut“",
    "windows-1253": "Καλημέρα",
    "windows-1255": "שלום",
    "windows-1256": "مرحبا",
    "koi8-r": "Привет",
    "koi8-u": "Привіт",
    "cp437": "Grüße",
    "cp850": "Grüße",
    "macintosh": "Grüße",
    "gb2312": "你好",
    "gbk": "你好",
    "gb18030": "你好",
    "big5": "你好",
    "shift_jis": "こんにちは",
    "euc-jp": "こんにちは",
    "iso-2022-jp": "こんにちは",
    "euc-kr": "안녕",
    "iso-2022-kr": "안녕",
    "tis-620": "สวัสดี",
}
ALIASES = {
    "utf8": "utf-8",
    "UTF8": "utf-8",
    "utf8mb4": "utf-8",
    "cp-850": "cp850",
    "x-sjis": "cp932",
    "ks_c_5601-1987": "cp949",
    "iso-8859-8-i": "iso-8859-8",
    "unicode-1-1-utf-7": "utf-7",
    "ansi_x3.110-1983": "latin-1",
    "'utf-8'": "utf-8",
    '"utf-8"': "utf-8",
    "utf-8;": "utf-8",
    " utf-8 ": "utf-8",
}


def cases() -> Iterator[Case]:
    yield from named("charset", _known())
    yield from named("charset-name", _names())
    yield from named("charset-wrong", _wrong())


def _text(charset, octets, **reads):
    return mail(f"Content-Type: text/plain; charset={charset}", "Content-Transfer-Encoding: 8bit", body=octets), reads


def _known():
    for charset, text in WORDS.items():
        yield f"text in {charset}", *_text(charset, text.encode(charset), text=text)


def _names():
    for name, codec in ALIASES.items():
        text = WORDS.get(codecs.lookup(codec).name, "abc") if codec.startswith("utf") else "abc"
        yield f"the charset is called {name}", *_text(name, text.encode(codec), text=text)
    for name in (
        "",
        "nonsense",
        "x-unknown",
        "\x00",
        "../../etc/passwd",
        "zip",
        "base64",
        "rot13",
        "idna",
        "punycode",
        "undefined",
    ):
        yield f"the charset is called {name!r}", *_text(name, "Grüße".encode(), text="Grüße")
    yield "the charset has an endless name", *_text("x" * 10_000, b"abc", text="abc")
    yield "the charset stands in sections", *_text("x; charset*=us-ascii''utf-8", "Grüße".encode(), text="Grüße")


def _wrong():
    yield "UTF-8 that calls itself ASCII", *_text("us-ascii", "Grüße".encode(), text="Grüße")
    yield "latin-1 that calls itself UTF-8", *_text("utf-8", b"Gr\xfc\xdfe", text="Grüße")
    yield "latin-1 that calls itself ASCII", *_text("us-ascii", b"Gr\xfc\xdfe", text="Grüße")
    yield "UTF-16 of an odd length", *_text("utf-16", b"\xff\xfea\0b")
    yield "half a surrogate pair in UTF-7", *_text("utf-7", b"+2AA-", text="+2AA-")
    yield "half a surrogate pair in UTF-8", *_text("utf-8", b"\xed\xa0\x80")
    yield "a byte order mark", *_text("utf-8", b"\xef\xbb\xbfhello", text="hello")
    yield "NULs", *_text("utf-8", b"a\0b\0c", text="abc")
    yield "no charset, latin-1", mail("Content-Type: text/plain", body=b"Gr\xfc\xdfe"), {"text": "Grüße"}
    yield "no content type, UTF-8", mail(body="Grüße".encode()), {"text": "Grüße"}
    yield "escape sequences without end", *_text("iso-2022-jp", b"\x1b$B" * 1000)
    yield "octets of no meaning", *_text("utf-8", bytes(range(128, 256)) * 10)
    yield "an endless punycode", *_text("punycode", b"a" * 100_000, text="a" * 100_000)
