"""The words of mail programs and servers in the languages that they speak, as regular expressions.

The words are data, in ``wording.toml`` beside this file: adding a language takes no code.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files

__all__ = ["pattern"]

_LONGEST_GAP = 80  # characters of what `*` stands for: a name, a device


@cache
def pattern(form: str) -> re.Pattern[str]:
    """Compile ``form``, in which ``<purpose>`` stands for the phrases of that purpose in every language."""
    return re.compile(re.sub(r"(?<!P)<([a-z_]+)>", lambda purpose: _alternatives(purpose.group(1)), form), re.IGNORECASE)


def _alternatives(purpose: str) -> str:
    phrases = {phrase for phrases in _wording()[purpose].values() for phrase in phrases}
    longest_first = sorted(phrases, key=lambda phrase: (-len(phrase), phrase))
    return f"(?:{'|'.join(map(_expression, longest_first))})"


def _expression(phrase: str) -> str:
    gap = rf".{{1,{_LONGEST_GAP}}}?"
    return re.escape(phrase).replace(r"\*", gap).replace("'", ".").replace(r"\ ", r"[ \xa0]")


@cache
def _wording() -> dict[str, dict[str, list[str]]]:
    return tomllib.loads(files("mailport.policies").joinpath("wording.toml").read_text(encoding="utf-8"))
