"""Bytes to text: charsets as senders name them, encoded words (RFC 2047) and parameters (RFC 2231), in linear time.

The standard library's ``decode_header`` needs quadratic time for a header of unfinished encoded words, and gives up on a header
as a whole where one word is broken.
"""

from __future__ import annotations

import encodings
import re
from binascii import Error, a2b_qp
from collections.abc import Iterator
from contextlib import suppress
from encodings.aliases import aliases
from functools import cache, lru_cache
from pkgutil import iter_modules

from mailport.reading.transfer import from_base64

__all__ = ["decode_bytes", "decode_raw", "decode_text", "decode_words", "raw_text"]

# Names that senders use for charsets which Python knows under another name, or whose superset they really mean.
_CHARSET_ALIASES = {
    "ansi_x3.110-1983": "latin-1",
    "cp-850": "cp850",
    "gb2312": "gb18030",
    "iso-8859-8-i": "iso-8859-8",
    "ks_c_5601-1987": "cp949",
    "unicode-1-1-utf-7": "utf-7",
    "utf8mb4": "utf-8",
    "x-sjis": "cp932",
}
# Codecs of Python that no mail is written in; the first two take quadratic time.
_NO_CHARSETS = frozenset({"idna", "punycode", "unicode_escape", "unicode-escape", "raw_unicode_escape", "raw-unicode-escape"})
# A charset may carry a language (RFC 2231 section 5).
_WORD_HEAD = re.compile(r"=\?([^?*\s]{1,60})(?:\*[^?\s]{0,20})?\?([bq])\?", re.IGNORECASE)
_OCTETS = re.compile("[\udc80-\udcff]+")


def decode_bytes(data: bytes, charset: str | None) -> str:
    """Decode with the declared charset where it is known and fits, else UTF-8, else cp1252."""
    name = (charset or "utf-8").strip("\"' ").lower()
    with suppress(LookupError, UnicodeError, ValueError):
        codec = _CHARSET_ALIASES.get(name, name)
        if _is_charset(codec):
            text = data.decode(codec)
            text.encode()  # UTF-7 can spell half a surrogate pair, which nothing else can store
            return text
    return decode_raw(data)


@lru_cache(maxsize=256)
def _is_charset(name: str) -> bool:
    """Whether Python has it: it remembers every name that it looked for in vain, for ever, and a mail may hold thousands."""
    return name.isascii() and name not in _NO_CHARSETS and encodings.normalize_encoding(name) in _codecs()


@cache
def _codecs() -> frozenset[str]:
    return frozenset(aliases) | {module.name for module in iter_modules(encodings.__path__)}


def decode_raw(data: bytes) -> str:
    """Decode bytes of which no charset is known."""
    with suppress(UnicodeDecodeError):
        return data.decode("utf-8")
    return data.decode("cp1252", "replace")


def raw_text(value: str) -> str:
    """Return a raw header value with its octets beyond UTF-8 as characters of cp1252, nothing else decoded."""
    return value if value.isascii() else _OCTETS.sub(lambda octets: _from_cp1252(octets[0]), value)


def _from_cp1252(escaped: str) -> str:
    return escaped.encode("utf-8", "surrogateescape").decode("cp1252", "replace")


def decode_text(value: str) -> str:
    """Return a header value, as ``Headers`` holds it raw, as one line of text."""
    value = decode_words(raw_text(value))
    # A decoded word may hide a line break; as text it must not become a new header.
    return value.strip() if value.isprintable() else " ".join(value.replace("\0", "").splitlines()).strip()


def decode_words(text: str) -> str:
    """Return the text with its encoded words decoded; a broken word stays as it stands."""
    if "=?" not in text:
        return text
    return "".join(_join(_pieces(text)))


_Piece = str | tuple[bytes, str]
"""Plain text, or the bytes of an encoded word and their charset."""


def _pieces(text: str) -> Iterator[_Piece]:
    at = 0
    while head := _WORD_HEAD.search(text, at):
        end = text.find("?=", head.end())
        if end < 0:
            break
        word = _word(head[2].lower(), text[head.end() : end])
        if word is None:
            yield text[at : end + 2]
        else:
            yield text[at : head.start()]
            yield word, head[1].lower()
        at = end + 2
    yield text[at:]


def _word(encoding: str, encoded: str) -> bytes | None:
    with suppress(UnicodeEncodeError, Error, ValueError):
        data = encoded.encode("ascii")
        return a2b_qp(data, header=True) if encoding == "q" else from_base64(data)
    return None


def _join(pieces: Iterator[_Piece]) -> Iterator[str]:
    """Decode the words; neighbours of one charset together, as senders split characters between them."""
    waiting, charset, gap = b"", "", ""
    for piece in pieces:
        if isinstance(piece, str):
            if waiting and not piece.strip():
                gap = piece  # white space between two words is not part of the text (RFC 2047 section 6.2)
                continue
            yield _decoded(waiting, charset) + gap + piece
            waiting, gap = b"", ""
        else:
            if waiting and piece[1] != charset:
                yield _decoded(waiting, charset)
                waiting = b""
            waiting, charset, gap = waiting + piece[0], piece[1], ""
    yield _decoded(waiting, charset) + gap


def _decoded(data: bytes, charset: str) -> str:
    return decode_bytes(data, charset) if data else ""
