"""Senders are let in by address or domain (TAB-13)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailport import Address, Message, RecognitionRules
from mailport.policies.senders import SenderRecogniser, judge

ANN = Address("Ann@Sales.Example.ORG")


@pytest.mark.parametrize(
    "entry", ["ann@sales.example.org", "sales.example.org", "@SALES.example.org", "*.example.org", ".example.org"]
)
def test_an_entry_names_an_address_or_a_domain(entry):  # TAB-13
    """Without regard to case; the reason names the entry."""
    verdict = judge(ANN, allowed=(), denied=(entry,))
    assert not verdict.allowed
    assert verdict.reason == f"denied by the entry {entry}"


@pytest.mark.parametrize("entry", ["example.org", "les.example.org", "bob@sales.example.org", "", " ", "*", "@", "."])
def test_other_entries_do_not_matter(entry):
    """A domain is not the ones below it, and an empty entry is nobody."""
    assert judge(ANN, allowed=(), denied=(entry,)) is None


def test_the_more_exact_entry_decides():
    """An address beats its domain; where both lists name the same, deny wins."""
    assert judge(ANN, allowed=("ann@sales.example.org",), denied=("sales.example.org",)).allowed
    assert judge(ANN, allowed=("*.example.org",), denied=("*.example.org",)).allowed is False


def test_a_list_of_allowed_senders_leaves_others_out():
    """An empty one lets everybody in."""
    assert judge(ANN, allowed=("example.test",), denied=()).reason == "not on the list of allowed senders"
    assert judge(None, allowed=("example.test",), denied=()).allowed is False
    assert judge(ANN, allowed=("",), denied=()) is None


def test_both_spellings_of_an_international_domain_are_one():
    """Clients show one and send the other."""
    assert judge(Address("ann@bücher.example"), allowed=(), denied=("xn--bcher-kva.example",)).allowed is False


def test_the_recogniser_reads_from(compose):
    """It is the From address that counts."""
    rules = RecognitionRules(denied_senders=("ann@example.org",))
    assert SenderRecogniser().recognise(compose(), rules).allowed is False
    assert SenderRecogniser().recognise(Message.read(b"\r\n"), rules) is None


@given(st.text(max_size=40))
def test_no_entry_breaks_it(entry):
    """Whatever people type into the list."""
    verdict = judge(ANN, allowed=(), denied=(entry,))
    assert verdict is None or not verdict.allowed
