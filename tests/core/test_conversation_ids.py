"""Conversation ids: short, unguessable, signed, and found again whatever a client did to them."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailport import ConfigurationError
from mailport.policies.conversation_ids import find_ids, is_ours, new_conversation_id, reference_of, written

SECRET, OTHER = b"s" * 32, b"o" * 32
REFERENCES = st.just("") | st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,39}", fullmatch=True)


def found(text, *, prefixes=("Ref:",), secrets=(SECRET,)):
    return list(find_ids(text, prefixes, secrets))


@given(REFERENCES)
def test_an_id_is_short_and_tells_its_record(reference):
    """Twenty characters and the reference, none of which a URL escapes; two ids for one record differ."""
    one = new_conversation_id(SECRET, reference)
    assert re.fullmatch(r"[A-Za-z0-9._~-]+", one)
    assert len(one) == 20 + (len(reference) + 1 if reference else 0)
    assert reference_of(one) == reference
    assert one != new_conversation_id(SECRET, reference)
    assert found(f"Hello [{written(one, '')}]") == [one]


@given(REFERENCES, st.integers(0, 19), st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"))
def test_an_id_that_nobody_issued_is_none(reference, at, letter):
    """Any other letter, another reference or another tenant's secret breaks the signature."""
    one = new_conversation_id(SECRET, reference)
    token = one[-20:]
    changed = one[: len(one) - 20] + token[:at] + letter + token[at + 1 :]
    assert is_ours(changed, [SECRET]) == (changed == one)
    assert not is_ours(f"X{one}" if reference else f"INC1-{one}", [SECRET])
    assert found(one, secrets=[OTHER]) == []


@pytest.mark.parametrize("prefix", ["", "Case", "Ref.-Nr.", "Ticket #", "[#", "件名:", "Our reference:"])
def test_an_id_starts_with_its_prefix(prefix):  # SND-18
    """The built-in one stands for an empty one; one that ends like a word is followed by a space."""
    one = new_conversation_id(SECRET)
    assert written(one, prefix).startswith(prefix or "Ref:")
    assert found(written(one, prefix), prefixes=[prefix]) == [one]


def test_former_prefixes_and_secrets_are_still_recognised():  # SND-21
    """The present one stands first, every former one counts."""
    old, new = new_conversation_id(OTHER), new_conversation_id(SECRET)
    text = f"[Old {old}] and [Ref:{new}]"
    assert found(text, prefixes=("Ref:", "Old"), secrets=(SECRET, OTHER)) == [old, new]


MANGLED = {
    "lower case": lambda text: text.lower(),
    "a fold that was not undone": lambda text: text[:-9] + "\r\n " + text[-9:],
    "two words of an encoded subject, joined by a space": lambda text: text[:-15] + " " + text[-15:],
    "a soft line break": lambda text: text[:-12] + "=\n" + text[-12:],
    "an encoded colon": lambda text: text.replace(":", "=3A"),
    "a wide colon": lambda text: text.replace(":", "\uff1a"),
    "a space of the French": lambda text: text.replace(":", "\xa0: "),
    "a quote mark": lambda text: text[:-14] + "\n> " + text[-14:],
    "break marks": "\u200b".join,
    "another prefix": lambda text: text.replace("Ref:", "Réf. "),
    "words before it": lambda text: "Ref: please find enclosed " + text,
}


@pytest.mark.parametrize("mangle", MANGLED.values(), ids=MANGLED)
@pytest.mark.parametrize("reference", ["", "INC-42"])
def test_a_mangled_id_is_still_found(mangle, reference):
    """What gateways and clients do to words does not hide an id; the case of a reference may have changed."""
    one = new_conversation_id(SECRET, reference)
    assert [each.upper() for each in found(f"AW: Hello {mangle(f'[Ref:{one}]')} bye")] == [one.upper()]


@pytest.mark.parametrize(
    ("secret", "reference"), [(b"short", ""), (SECRET, "a b"), (SECRET, "-1"), (SECRET, "x" * 41), (SECRET, "a\n")]
)
def test_what_cannot_be_an_id_is_refused(secret, reference):
    """A short secret, and a reference that a subject would not carry."""
    with pytest.raises(ConfigurationError):
        new_conversation_id(secret, reference)


@pytest.mark.parametrize(
    "text", ["Ref:" * 250_000, "Ref:" + "a " * 500_000, "a" * 1_000_000, "a-" * 500_000, "Ref:" + ">" * 1_000_000]
)
def test_looking_takes_no_longer_than_the_text(text):  # SEC-07
    """A megabyte that looks like ids takes a few seconds at most."""
    started = time.perf_counter()
    assert found(text) == []
    assert time.perf_counter() - started < 5
