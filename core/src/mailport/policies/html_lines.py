"""HTML as lines, quoted ones marked like those of plain text, comments kept: enough to look for something in a reply.

Reading HTML as a person does is the business of ``bodytext``; this needs no library, and keeps what that one rightly drops.
"""

from __future__ import annotations

import re
from html import unescape

__all__ = ["html_lines"]

# Comments of others hold markup, which then counts: only Outlook reads it. No expression looks beyond the next angle bracket.
_MARKUP = re.compile(r"<!--([^<>]{0,300})-->|<(/?)([a-zA-Z][a-zA-Z0-9]*+)[^<>]*+>")
_BLOCKS = frozenset({"blockquote", "body", "br", "div", "h1", "h2", "h3", "hr", "li", "p", "table", "td", "tr"})
_DEEPEST = 4  # who is quoted by whom below that says nothing


def html_lines(html: str) -> str:
    """Return the text line by line, each blockquote around it as ``> ``."""
    lines, line, level, at = list[str](), list[str](), 0, 0
    for found in _MARKUP.finditer(html):
        line += (html[at : found.start()], f" {found[1]} " if found[1] else "")
        at = found.end()
        tag = (found[3] or "").lower()
        if tag in _BLOCKS:
            lines.append(_line(line, level))
            line = []
        if tag == "blockquote":
            level = max(0, level + (-1 if found[2] else 1))
    return "\n".join([*lines, _line([*line, html[at:]], level)])


def _line(pieces: list[str], level: int) -> str:
    text = " ".join(unescape("".join(pieces)).split())
    return f"{'> ' * min(level, _DEEPEST)}{text}" if text or level else ""
