"""Text to encoded words (RFC 2047): each of at most 75 characters, and readable by itself."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator

__all__ = ["LINE", "encoded_words"]

LINE = 76
"""The longest line that may hold an encoded word (RFC 2047 section 2)."""

_FRAME = len("=?utf-8?q??=")
_SHORTEST = 12  # the longest character in Q: four octets
# What Q leaves as it is also in a display name (RFC 2047 section 5, rule 3).
_Q = {char: char for char in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/"} | {" ": "_"}


def encoded_words(text: str, *, used: int) -> list[str]:
    """Return the words for ``text``, the first short enough for a line of which ``used`` characters are taken.

    No character is split between words (section 5): some readers decode each word alone. Half a surrogate pair, which no
    charset can carry, becomes a question mark.
    """
    text = text.encode("utf-8", "replace").decode()
    quoted = "".join(map(_q, text))
    if len(quoted) <= len(text.encode()) * 4 // 3:
        return [f"=?utf-8?q?{''.join(map(_q, piece))}?=" for piece in _cut(text, used, lambda char: len(_q(char)), 1)]
    pieces = _cut(text, used, lambda char: len(char.encode()), 4 / 3)
    return [f"=?utf-8?b?{b64encode(piece.encode()).decode()}?=" for piece in pieces]


def _q(char: str) -> str:
    return _Q.get(char) or "".join(f"={octet:02X}" for octet in char.encode())


def _cut(text: str, used: int, cost: Callable[[str], int], growth: float) -> Iterator[str]:
    """Cut into pieces that fit; ``growth`` is what encoding makes of the cost, in whole groups of four characters."""
    room = max(_SHORTEST, LINE - 1 - used - _FRAME)
    start = size = 0
    for at, char in enumerate(text):
        step = cost(char)
        if size + step > int(room // 4 * 4 / growth):
            yield text[start:at]
            start, size, room = at, 0, LINE - 1 - _FRAME
        size += step
    yield text[start:]
