"""File names as hosts can use them: a received name is chosen by a stranger and may be meant to do harm."""

from __future__ import annotations

import re

__all__ = ["MAX_NAME", "safe_name"]

MAX_NAME = 255
"""The longest name in octets of UTF-8: what file systems take."""

_SUFFIX = 20
# Controls and line separators, and the marks that turn the direction of writing: "invoice_\u202efdp.exe" looks like a PDF.
_INVISIBLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_USUAL = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_ -]{0,90}(?:\.[A-Za-z0-9]{1,10})?")


def safe_name(name: str) -> str:
    """Return the last component of a path (RFC 2183 section 2.3), without invisible characters and dots at its ends."""
    if _USUAL.fullmatch(name):
        return name.strip()
    last = re.split(r"[/\\]", _INVISIBLE.sub("", name))[-1]
    return _shortened(last.strip(". "))


def _shortened(name: str) -> str:
    """Cut in the middle: what opens the file depends on the extension."""
    if len(name.encode()) <= MAX_NAME:
        return name
    stem, dot, suffix = name.rpartition(".")
    ending = dot + suffix if stem and len(suffix) <= _SUFFIX else ""
    kept = name.encode()[: MAX_NAME - len(ending.encode())].decode("utf-8", "ignore")
    return kept.rstrip(". ") + ending
