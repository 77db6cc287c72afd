"""Address headers of received mail: who is meant, whatever the names say."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailport import ConfigurationError, Message
from mailport.address import Address
from tests.core.conftest import ANN, BOB


def read_to(value):
    return Message.read(b"To: " + (value if isinstance(value, bytes) else value.encode()) + b"\r\n\r\n").to


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("=?utf-8?q?eve=40evil=2Etest=2C?= <bob@example.org>", "eve@evil.test,"),
        ("=?utf-8?b?ZXZlQGV2aWwudGVzdCwg?= <bob@example.org>", "eve@evil.test,"),
        ('"=?utf-8?q?eve=40evil=2Etest=2C?=" <bob@example.org>', "eve@evil.test,"),
        ("=?utf-8?q?<eve=40evil=2Etest>?= <bob@example.org>", "<eve@evil.test>"),
        ("=?utf-8?q?a,_b?= <bob@example.org>", "a, b"),
        ("bob@example.org (=?utf-8?q?eve=40evil=2Etest=2C?=)", "eve@evil.test,"),
        ('"eve@evil.test, " <bob@example.org>', "eve@evil.test,"),
        ("=?utf-8?q?Bob=0D=0ACc:_eve=40evil=2Etest?= <bob@example.org>", "Bob Cc: eve@evil.test"),
    ],
)
def test_a_name_never_adds_a_recipient(value, name):  # SEC-05
    """A list is taken apart before anything in it is decoded (RFC 2047 section 6.2)."""
    assert read_to(value) == (Address(BOB, name),)


@pytest.mark.parametrize(
    "value",
    [
        "ann@example.org)bob@example.org",
        "ann@example.org(<bob@example.org>",
        "ann@example.org<bob@example.org",
        "<ann@example.org><bob@example.org>",
        "ann@example.org: <bob@example.org>",
        "ann@example.org>bob@example.org",
        "ann@example.org bob@example.org",
        "=?utf-8?q?bob=40example.org?=",
        "bo\x01b@example.org",
        "Bob Miller",
        "<>",
        "(" * 5000 + "bob@example.org",
    ],
)
def test_what_can_be_read_two_ways_is_no_address(value):  # SEC-05
    """The shapes of CVE-2023-27043 and their kin give nobody, on every Python."""
    assert read_to(value) == ()


@pytest.mark.parametrize(
    ("value", "addresses"),
    [
        ("Team: ann@example.org, bob@example.org;", [ANN, BOB]),
        ("ann@example.org; Bob <bob@example.org>", [ANN, BOB]),
        ("<@relay.test,@second.test:ann@example.org>, <bob @ example.org>", [ANN, BOB]),
        ('"ann b"@example.org, (a (nested, list)) bob@example.org,', ['"ann b"@example.org', BOB]),
        ("mailto:bob@example.org,,ann@[192.0.2.1]", [BOB, "ann@[192.0.2.1]"]),
        ('"unfinished <ann@example.org>, bob@example.org', [ANN, BOB]),
        (b"M\xfcller <m\xc3\xbcller@example.org>", ["müller@example.org"]),
        ("undisclosed-recipients:;", []),
    ],
)
def test_lists_as_senders_write_them(value, addresses):
    """Groups, semicolons, source routes, comments and quotations that never end."""
    assert [address.mailbox for address in read_to(value)] == addresses


@settings(deadline=None)
@given(st.text(st.sampled_from('ab@,;:<>()"\\ =?.\r\n\t'), max_size=60))
def test_every_text_is_read_as_a_list(value):
    """Nothing raises, and what is read is an address that can be written."""
    for address in read_to(value.encode()):
        assert Address(address.mailbox, address.display_name) == address


@pytest.mark.parametrize("piece", ["(", '"', "\\", '\\"', "<", "=?a?q?", "a@b.c,", '<"', ":", "@:", " "])
def test_long_lists_take_linear_time(piece):  # SEC-07
    """A megabyte of anything is read in the time that a megabyte of addresses takes."""
    assert len(read_to(piece * (1_000_000 // len(piece)))) in (0, 166_666 if "," in piece else 0)


@pytest.mark.parametrize("name", ["to", "cc", "bcc", "reply-to", "from"])
async def test_a_message_with_an_unreadable_address_is_not_sent(mail, memory, outgoing, name):
    """It would reach fewer people than it names: the error names the header instead."""
    heads = {"from": ANN, "to": BOB} | {name: "ann@example.org, Bob Miller"}
    raw = "".join(f"{header}: {value}\r\n" for header, value in heads.items()) + "\r\nhi\r\n"
    with pytest.raises(ConfigurationError) as caught:
        await mail.submit(Message.read(raw.encode()), outgoing)
    assert (caught.value.code, caught.value.field) == ("address.invalid", name)
    assert memory.connections == []


async def test_an_envelope_of_ones_own_needs_no_readable_recipients(mail, memory, outgoing):
    """Who names the recipients apart from the headers has named all of them."""
    message = Message.read(b"From: ann@example.org\r\nTo: Bob Miller\r\n\r\nhi\r\n")
    await mail.submit(message.replace(envelope_to=(BOB,)), outgoing)
    assert memory.accepted[0].envelope_to == (BOB,)


async def test_an_encoded_name_gets_no_mail(mail, memory, outgoing):  # SEC-05
    """The recipients of a message that was read are those that its sender named."""
    raw = b"From: ann@example.org\r\nTo: =?utf-8?q?eve=40evil=2Etest=2C?= <bob@example.org>\r\n\r\nhi\r\n"
    await mail.submit(Message.read(raw), outgoing)
    assert memory.accepted[0].envelope_to == (BOB,)
