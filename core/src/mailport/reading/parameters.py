"""Structured header values (``text/plain; charset=utf-8``) with their parameters, RFC 2231 continuations included."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote_to_bytes

from mailport.reading.words import decode_bytes, decode_text

__all__ = ["split_parameters", "text_parameter"]

# An unquoted value may hold spaces (many senders do not quote file names); an unfinished quotation ends with the header.
_PARAMETER = re.compile(r';\s*+([^\s=;"]{1,100})\s*+=\s*+(?:"((?:[^"\\]|\\.)*+)"?|([^;]*+))', re.DOTALL)
_ESCAPED = re.compile(r'\\(["\\])')
_MOST_SECTIONS = 1000


def split_parameters(raw: str) -> tuple[str, dict[str, str]]:
    """Return the value in lower case and its raw parameters by name; of a name that comes twice the first counts."""
    value, separator, _ = raw.partition(";")
    parameters: dict[str, str] = {}
    if separator:
        for name, quoted, bare in _PARAMETER.findall(raw, len(value)):
            parameters.setdefault(name.lower(), _ESCAPED.sub(r"\1", quoted) if quoted else bare.strip())
    return value.strip().lower(), parameters


def text_parameter(parameters: Mapping[str, str], name: str) -> str:
    """Return a parameter as text: in sections and with a charset (RFC 2231), or with encoded words (illegal, but usual)."""
    if not parameters:
        return ""
    if f"{name}*" in parameters:
        return _extended([(parameters[f"{name}*"], True)])
    if f"{name}*0" in parameters or f"{name}*0*" in parameters:
        return _extended(_sections(parameters, name))
    return decode_text(parameters.get(name, ""))


def _sections(parameters: Mapping[str, str], name: str) -> list[tuple[str, bool]]:
    """Return the sections from 0 on without a gap, each with whether it is percent-encoded."""
    sections = []
    for number in range(_MOST_SECTIONS):
        plain, encoded = f"{name}*{number}", f"{name}*{number}*"
        if plain not in parameters and encoded not in parameters:
            break
        sections.append((parameters[encoded], True) if encoded in parameters else (parameters[plain], False))
    return sections


def _extended(sections: list[tuple[str, bool]]) -> str:
    charset = None
    octets = b""
    for index, (text, is_encoded) in enumerate(sections):
        value = text
        if index == 0 and is_encoded and text.count("'") >= 2:  # charset'language'value
            charset, _, value = text.split("'", 2)
        raw = value.encode("utf-8", "surrogateescape")
        octets += unquote_to_bytes(raw) if is_encoded else raw
    return " ".join(decode_bytes(octets, charset).replace("\0", "").splitlines())
