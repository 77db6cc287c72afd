"""The URLs that HTML shows images from, found and exchanged without touching a byte of the rest.

HTML libraries write a document anew, and what mail programs accept is lost on the way (conditional comments, VML, the unclosed
tags of Outlook). Every character is looked at once: 10 MB of images in the text take as long as a copy.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html import escape, unescape
from typing import TypeAlias

__all__ = ["Swap", "exchange"]

Swap: TypeAlias = Callable[[str, bool], str | None]
"""Called with a URL and whether an image is shown from it; returns another one, or None to keep it."""

_OPEN = re.compile(r"<([a-zA-Z][^\s/>]*+)")
_ATTRIBUTE = re.compile(r"[\s/]*+([^\s/>=<]++)(?:\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\s\"'<>][^\s<>]*+)))?+")
_STYLE_END = re.compile(r"</[sS][tT][yY][lL][eE]")
_CSS_URL = re.compile(r"[uU][rR][lL]\(\s*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\s\"'()<]++))\s*+\)")
_CANDIDATE = re.compile(r"[\s,]*+(\S++)")

_SVG_IMAGES = frozenset({"image", "feimage"})

_Change: TypeAlias = tuple[int, int, str]


def exchange(html: str, swap: Swap) -> str:
    """Return ``html`` with the URLs that ``swap`` exchanges; the same object where it exchanges none."""
    return _changed(html, _changes(html, swap))


def _changed(text: str, changes: Iterator[_Change]) -> str:
    pieces, at = list[str](), 0
    for start, end, new in changes:
        pieces += (text[at:start], new)
        at = end
    return "".join([*pieces, text[at:]]) if pieces else text


def _changes(html: str, swap: Swap) -> Iterator[_Change]:
    """Yield what changes in the tags, those in conditional comments included, and in style sheets."""
    at = html.find("<")
    while at >= 0:
        opened = _OPEN.match(html, at)
        at = at + 1
        if opened:
            tag, at = opened[1].lower(), opened.end()
            while attribute := _ATTRIBUTE.match(html, at):
                at = attribute.end()
                yield from _in_attribute(tag, attribute, swap)
            if tag == "style":
                sheet, at = at, _style_end(html, at)
                yield from _in_css(html, sheet, at, swap)
        at = html.find("<", at)


def _style_end(html: str, start: int) -> int:
    end = _STYLE_END.search(html, start)
    return end.start() if end else len(html)


def _in_attribute(tag: str, attribute: re.Match[str], swap: Swap) -> Iterator[_Change]:
    name, group = attribute[1].lower(), attribute.lastindex or 1
    read = _READERS.get("src" if name == "href" and tag in _SVG_IMAGES else name)
    if group == 1 or read is None:
        return
    value = unescape(attribute[group])
    new = read(value, swap)
    if new != value:
        quoted = group < 4  # the quotes are part of what is exchanged: a new value may need them
        yield attribute.start(group) - quoted, attribute.end(group) + quoted, f'"{escape(new)}"'


def _image(value: str, swap: Swap) -> str:
    return swap(value.strip(), True) or value


def _link(value: str, swap: Swap) -> str:
    return swap(value.strip(), False) or value


def _css(value: str, swap: Swap) -> str:
    return _changed(value, _in_css(value, 0, len(value), swap))


def _in_css(text: str, start: int, end: int, swap: Swap) -> Iterator[_Change]:
    for found in _CSS_URL.finditer(text, start, end):
        group = found.lastindex or 1
        new = swap(found[group].strip(), True)
        if new is not None:
            yield found.start(), found.end(), f"url({new})"


def _srcset(value: str, swap: Swap) -> str:
    return _changed(value, _in_srcset(value, swap))


def _in_srcset(value: str, swap: Swap) -> Iterator[_Change]:
    """Read candidates: a URL ends at white space and may hold commas, what follows up to a comma is its descriptor."""
    at = 0
    while found := _CANDIDATE.match(value, at):
        url = found[1].rstrip(",")
        at = found.start(1) + len(url)
        new = swap(url, True)
        if new is not None:
            yield found.start(1), at, new
        if url == found[1]:
            comma = value.find(",", at)
            at = comma if comma >= 0 else len(value)


# `background` is what Outlook reads; the `src` of its VML is an ordinary one.
_READERS: dict[str, Callable[[str, Swap], str]] = {
    **dict.fromkeys(("src", "background", "poster", "xlink:href"), _image),
    "href": _link,
    "srcset": _srcset,
    "style": _css,
}
