"""Addresses: what is one, what is none, and what a header or an envelope gets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailport.address import Address, parse_list
from mailport.errors import ConfigurationError


@pytest.mark.parametrize(
    "text",
    [
        "ann@example.org",
        "Ann Example <ann@example.org>",
        '"Example, Ann" <ann@example.org>',
        '"a b"@example.org',
        "ann@[192.0.2.1]",
        "ännchen@bücher.example",
    ],
)
def test_an_address_reads_back_from_what_it_writes(text):
    """An address written as text is read as the same address."""
    address = Address.parse(text)
    assert Address.parse(str(address)) == address


@pytest.mark.parametrize(
    "text", ["", "ann", "ann@", "@example.org", "a b@example.org", "a@b@c", "<>", "x" * 400 + "@example.org"]
)
def test_what_is_no_address_is_refused(text):
    """Anything that is not one mailbox is a configuration error with a remedy."""
    with pytest.raises(ConfigurationError) as failure:
        Address.parse(text)
    assert failure.value.code == "address.invalid"
    assert failure.value.remedy


@pytest.mark.parametrize("bad", ["\r", "\n", "\0", "\t", "\x7f", "\u2028", "\ud800"])
@pytest.mark.parametrize("where", ["ann{}@example.org", "ann@example{}.org", "Ann{} <ann@example.org>"])
def test_control_characters_are_refused_and_not_echoed(bad, where):  # SEC-05
    """A control character in any part of an address is refused, and the error shows none."""
    with pytest.raises(ConfigurationError) as failure:
        Address.parse(where.format(bad))
    assert bad not in str(failure.value)


def test_lists_may_be_separated_by_commas_or_semicolons():
    """A list reads with either separator; quoted ones belong to the name."""
    found = parse_list('"Desk; first, second" <a@example.org>; b@example.org, c@example.org;')
    assert [address.mailbox for address in found] == ["a@example.org", "b@example.org", "c@example.org"]
    assert found[0].display_name == "Desk; first, second"


def test_an_international_domain_becomes_a_labels():
    """Only the domain is encoded: a non-ASCII local part needs SMTPUTF8."""
    assert Address("ännchen@bücher.example").ascii_mailbox == "ännchen@xn--bcher-kva.example"


@given(st.text(max_size=60))
def test_reading_an_address_returns_or_raises_one_error(text):
    """No text makes the reader raise anything but its own error."""
    try:
        Address.parse(text)
    except ConfigurationError:
        return
    assert "@" in text
