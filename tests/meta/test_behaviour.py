"""The table of behaviour: every statement has a test that proves it, and the page says which."""

import re

from scripts.behaviour_table import ELSEWHERE, PAGE, ROW, filled, proofs


def stated():
    """The ids on the page."""
    return [row["id"] for row in ROW.finditer(PAGE.read_text())]


def test_the_page_is_current():
    """`scripts/behaviour_table.py` makes it from the comments at the tests."""
    assert filled(PAGE.read_text(), proofs()) == PAGE.read_text(), "run scripts/behaviour_table.py"


def test_every_statement_is_proved():
    """Nothing is promised that no test proves, other than what is said to come later."""
    assert {id_ for id_ in stated() if id_ not in proofs()} == set(ELSEWHERE)


def test_every_id_is_a_statement():
    """A test names only what stands on the page, and a statement has one id."""
    assert len(stated()) == len(set(stated()))
    assert set(proofs()) - set(stated()) == set()


def test_every_row_is_understood():
    """A row that the pattern does not match would never be filled."""
    rows = re.findall(r"^\| [A-Z]{3}-\d{2} ", PAGE.read_text(), re.MULTILINE)
    assert len(rows) == len(stated()) > 150
