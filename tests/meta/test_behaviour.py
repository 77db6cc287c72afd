"""The table of behaviour: every statement has a test that proves it, and the page says which."""

import re

from scripts.behaviour_table import ELSEWHERE, PAGE, ROW, filled, proofs

NOT_YET = frozenset(
    {
        "SND-23",
        "SND-24",
        "SND-25",
        "SND-27",
        "CMP-07",
        "CMP-08",
        "INB-04",
        "INB-05",
        "INB-10",
        "INB-11",
        "INB-12",
        "INB-13",
        "INB-14",
        "INB-16",
        "INB-20",
        "INB-21",
        "INB-22",
        "INB-25",
        "MAT-04",
        "MAT-05",
        "MAT-06",
        "MAT-07",
        "MAT-08",
        "MAT-10",
        "MAT-12",
        "XML-01",
        "XML-02",
        "XML-03",
        "QUE-01",
        "QUE-03",
        "QUE-04",
        "QUE-05",
        "QUE-06",
        "QUE-07",
        "QUE-08",
        "LOG-01",
        "LOG-03",
        "LOG-04",
        "LOG-05",
        "PLS-04",
        "PLS-05",
        "PLS-06",
        "PLS-08",
        "PLS-09",
        "REL-01",
        "REL-04",
        "REL-05",
    }
)
"""Statements that nothing proves yet. It only gets shorter."""


def stated():
    """The ids on the page."""
    return [row["id"] for row in ROW.finditer(PAGE.read_text())]


def test_the_page_is_current():
    """`scripts/behaviour_table.py` makes it from the comments at the tests."""
    assert filled(PAGE.read_text(), proofs()) == PAGE.read_text(), "run scripts/behaviour_table.py"


def test_every_statement_is_proved():
    """Nothing is promised that no test proves, other than what is said to come later."""
    assert {id_ for id_ in stated() if id_ not in proofs()} == NOT_YET | set(ELSEWHERE)


def test_every_id_is_a_statement():
    """A test names only what stands on the page, and a statement has one id."""
    assert len(stated()) == len(set(stated()))
    assert set(proofs()) - set(stated()) == set()


def test_every_row_is_understood():
    """A row that the pattern does not match would never be filled."""
    rows = re.findall(r"^\| [A-Z]{3}-\d{2} ", PAGE.read_text(), re.MULTILINE)
    assert len(rows) == len(stated()) > 150
