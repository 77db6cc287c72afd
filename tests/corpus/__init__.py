"""Difficult messages, each described and made by our own code: what is wrong with it, and what can still be read.

One module a subject; ``cases()`` is all of them. ``python -m tests.corpus FOLDER`` writes them as files.
"""

from collections.abc import Iterator

from tests.corpus import charsets, dates_and_ids, heads, mailboxes, names, secured, structures, transfer
from tests.corpus.case import Case

__all__ = ["Case", "cases"]

_SUBJECTS = (heads, mailboxes, charsets, dates_and_ids, structures, transfer, names, secured)


def cases() -> Iterator[Case]:
    """Yield every message; its name begins with the module that makes it."""
    for subject in _SUBJECTS:
        yield from subject.cases()
