"""A message to its parts (RFC 2046), as places in its bytes: nothing is copied, and the time is bounded.

The standard library's parser goes through every line in Python, asks each open boundary at each line, and recurses into what
is nested: 50 MB of short lines take it minutes, and 400 levels end in ``RecursionError``. It also writes an attached message
anew, where this one knows its bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mailport.reading.headers import fields, head_end
from mailport.reading.parameters import split_parameters, text_parameter

__all__ = ["DEPTH", "LINES", "Part", "leaves"]

DEPTH = 32
"""Multiparts inside multiparts; what lies deeper is one attachment."""

LINES = 20_000
"""How many lines that look like a boundary are considered in one message; what follows belongs to the last part."""

_TEXT = "text/plain"
_NEWLINE, _RETURN = b"\n\r"
_MEDIA_TYPE = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+", re.ASCII)
_AFTER_BOUNDARY = re.compile(rb"(--)?[ \t]*+(?:\r?\n|\Z)")


@dataclass(frozen=True, slots=True)
class Part:
    """One part without parts of its own: ``data[body:stop]`` is its content as it was sent.

    ``fields`` are the raw ``Content-*`` fields by name in lower case; ``content_type`` is ``type/subtype`` in lower case;
    ``encoding``, ``charset``, ``disposition``, ``filename`` and ``boundary`` are empty where they are not stated.
    """

    data: bytes
    fields: Mapping[str, str]
    body: int
    stop: int
    content_type: str
    encoding: str
    charset: str
    disposition: str
    filename: str
    boundary: bytes


def leaves(data: bytes) -> Iterator[Part]:
    """Yield the parts that hold something, in order; an attached message is one part, its inside is not ours to list."""
    budget = LINES
    waiting = [(_part(data, 0, len(data), _TEXT), 0)]
    while waiting:
        part, depth = waiting.pop()
        boundary = part.boundary
        if not boundary:
            yield _opaque(part, _TEXT) if part.content_type.startswith("multipart/") else part
            continue
        if depth == DEPTH:
            yield _opaque(part)
            continue
        inner, budget = _split(part, boundary, budget)
        usual = "message/rfc822" if part.content_type == "multipart/digest" else _TEXT
        waiting.extend((_part(data, start, stop, usual), depth + 1) for start, stop in reversed(inner))
        if not inner:
            yield _opaque(part, _TEXT)


def _part(data: bytes, start: int, stop: int, usual_type: str) -> Part:
    end, body = head_end(data, start, stop)
    found: dict[str, str] = {}
    for name, value in fields(data[start:end], content_only=True):
        found.setdefault(name.lower(), value)
    return _described(data, found, body, stop, usual_type)


def _described(data: bytes, found: Mapping[str, str], body: int, stop: int, usual_type: str) -> Part:
    content_type, parameters = split_parameters(found.get("content-type", ""))
    disposition, more = split_parameters(found.get("content-disposition", ""))
    filename = text_parameter(more, "filename") or text_parameter(parameters, "name")
    is_multipart = content_type.startswith("multipart/")
    return Part(
        data=data,
        fields=found,
        body=body,
        stop=stop,
        content_type=_media_type(content_type, usual_type, is_file=disposition == "attachment" or bool(filename)),
        encoding=found.get("content-transfer-encoding", "").lower().partition("(")[0].strip("; \t"),
        charset=text_parameter(parameters, "charset"),
        disposition=disposition,
        filename=filename,
        boundary=parameters.get("boundary", "").rstrip().encode("utf-8", "surrogateescape") if is_multipart else b"",
    )


def _media_type(stated: str, usual: str, *, is_file: bool) -> str:
    """Return what is stated; what is no media type is plain text (RFC 2045 section 5.2), or a file of bytes."""
    if not stated:
        return usual
    if _MEDIA_TYPE.fullmatch(stated):
        return stated
    return "application/octet-stream" if is_file else _TEXT


def _opaque(part: Part, content_type: str = "application/octet-stream") -> Part:
    return _described(part.data, {}, part.body, part.stop, content_type)


def _split(part: Part, boundary: bytes, budget: int) -> tuple[list[tuple[int, int]], int]:
    """Return where each part inside begins and ends, and what is left of the budget."""
    spans: list[tuple[int, int]] = []
    begun = -1
    for at, content, closes in _delimiters(part, b"--" + boundary, budget):
        budget -= 1
        if content < 0:  # the line only begins like the boundary
            continue
        if begun >= 0:
            spans.append((begun, max(begun, at)))
        begun = -1 if closes else content
        if closes:
            break
    if begun >= 0:
        spans.append((begun, part.stop))
    return spans, budget


def _delimiters(part: Part, line: bytes, most: int) -> Iterator[tuple[int, int, bool]]:
    """Yield where what precedes a delimiter ends, where what follows it begins (-1: it is none), and whether it is the last."""
    data, stop = part.data, part.stop
    at = part.body if data.startswith(line, part.body, stop) else data.find(b"\n" + line, part.body, stop)
    while at >= 0 and most > 0:
        most -= 1
        start = at + (data[at] == _NEWLINE)
        after = _AFTER_BOUNDARY.match(data, start + len(line), stop)
        # The line end before a delimiter belongs to it.
        before = at - (at > part.body and data[at - 1] == _RETURN and data[at] == _NEWLINE)
        yield before, after.end() if after else -1, bool(after and after[1])
        at = data.find(b"\n" + line, max(start, after.end() - 1 if after else 0), stop)
