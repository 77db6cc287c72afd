"""Subjects are compared with the tenant's lists, and may name a record."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailport import RecognitionRules
from mailport.policies.subject_words import base_subject
from mailport.policies.subjects import SubjectRecogniser, fits, ids_in

WORDS = {"Incident": "incident", "Change Request": "change", "INC": "incident"}


def recognise(compose, subject, **rules):
    return SubjectRecogniser().recognise(compose(subject=subject), RecognitionRules(**rules))


def test_an_ignored_subject_has_the_words_that_hosts_show(compose):  # TAB-01, TAB-02
    """They become Last Error of the stored mail."""
    found = recognise(compose, "RE:  OUT of office", ignored_subjects=("other", "out of Office"))
    assert (found.ignored, found.reason) == ("out of Office", "Email with subject matching ignored list")


def test_a_delivery_failure_by_the_list(compose):  # TAB-03
    """The entry that fits is named."""
    found = recognise(compose, "Rücksendung: Drucker", failure_subjects=("rücksendung",))
    assert (found.delivery_failure, found.ignored) == ("rücksendung", "")


@pytest.mark.parametrize("entry", ["out of office", "OUT  OF", "Automatic*office", "*office", "A*c*reply*"])
def test_entries_that_fit(entry):  # TAB-01
    """Somewhere in the subject, or all of it with an asterisk; case and spaces do not count."""
    assert fits("Automatic reply: out of office", (entry,)) == entry


@pytest.mark.parametrize("entry", ["", "  ", "*", "office*", "out of the office", "A*z"])
def test_entries_that_do_not_fit(entry):
    """An empty entry would ignore everything."""
    assert not fits("Automatic reply: out of office", (entry,))


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("Incident 4711", ("4711",)),
        ("RE: AW: incident #4711: Printer", ("4711",)),
        ("[EXTERNAL] FW: Incident no. INC-4711", ("INC-4711",)),
        ("Sv:  Incident:   4711 ", ("4711",)),
        ("Printer [Incident#4711]", ("4711",)),
        ("INC4711 Printer", ("INC4711", "4711")),
        ("INC-4711 Printer", ("INC-4711", "4711")),
        ("Change  request R-2026/17 approved", ("R-2026/17",)),
    ],
)
def test_an_id_follows_its_word(subject, expected):  # MAT-01, MAT-02, MAT-03, MAT-09
    """However people and programs write it."""
    assert [one.candidates for one in ids_in(subject, WORDS)] == [expected]


@pytest.mark.parametrize(
    "subject", ["", "Incident", "Incident on floor 3", "Incidents 2026", "Coincident 4711", "Incidentlog7 full"]
)
def test_words_without_an_id(subject):
    """A word alone names no record."""
    assert not list(ids_in(subject, WORDS))


def test_default_mapping_and_order(compose):  # MAT-02
    """The word Incident is mapped from the start; several ids come in the order of the subject."""
    assert recognise(compose, "Incident 2, incident 1").ids[0].object_type == "incident"
    assert [one.candidates[0] for one in recognise(compose, "Incident 2, incident 1").ids] == ["2", "1"]


def test_a_further_word_counts(compose):  # MAT-03
    """As soon as the rules have it."""
    assert recognise(compose, "Problem 17", object_words={"Problem": "problem"}).ids[0].object_type == "problem"
    assert recognise(compose, "Problem 17") is None


@pytest.mark.parametrize(
    "prefix", ["Re:", "RE: ", "AW:", "Antw:", "SV:", "TR :", "RV:", "R:", "I:", "Odp:", "Re[2]:", "回复\uff1a", "FW: WG:"]
)
def test_prefixes_are_no_part_of_a_subject(prefix):  # MAT-09
    """In the languages of the usual clients."""
    assert base_subject(f"{prefix}Printer") == "Printer"


@given(st.text(max_size=60))
def test_base_subject_twice_is_once(subject):
    """What is left has no prefix."""
    assert base_subject(base_subject(subject)) == base_subject(subject)


@given(st.text(max_size=60))
def test_any_word_maps_literally(word):
    """A mapped word is text, not an expression."""
    list(ids_in("Incident 4711", {word: "x"}))
