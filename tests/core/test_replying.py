"""A reply stands below what it answers in every mail program."""

from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta

import pytest

from mailport import Address, Message, reply
from mailport.replying import _thread_index

LONG_ID = f"<{'A' * 90}@exchange.example.org>"


def received(**more):
    usual = {"sender": "ann@example.test", "to": "desk@example.org", "subject": "Printer", "message_id": "<2@example.test>"}
    return Message.read(Message.compose(**(usual | more)).to_bytes())


def answer(message, **more):
    composed = reply(message, **({"sender": "desk@example.org", "text": "Yes."} | more))
    return Message.read(composed.to_bytes())


def test_a_reply_names_what_it_answers():
    """In-Reply-To is the parent, References are the parent's and the parent; ids as long as Exchange's stay as they are."""
    back = answer(received(references=("<0@x>", LONG_ID)))
    assert back.in_reply_to == "<2@example.test>"
    assert back.references == ("<0@x>", LONG_ID, "<2@example.test>")
    assert back.to == (Address("ann@example.test"),)
    assert back.message_id.endswith("@example.org>")


def test_many_references_lose_those_in_the_middle():
    """The first and the last twenty but one are kept."""
    ids = tuple(f"<{number}@x>" for number in range(40))
    assert answer(received(references=ids)).references == (ids[0], *ids[-18:], "<2@example.test>")


def test_a_parent_without_references_counts_with_what_it_answers():
    """RFC 5322 section 3.6.4 takes its In-Reply-To."""
    assert answer(received(in_reply_to="<1@x>")).references == ("<1@x>", "<2@example.test>")


@pytest.mark.parametrize("subject", ["Printer", "Re: Printer", "AW: Re: Printer", "SV: Printer", "Re[2]: Printer"])
def test_the_subject_has_one_prefix(subject):
    """Whatever prefixes of other languages it had."""
    assert answer(received(subject=subject)).subject == "Re: Printer"


def test_a_reply_to_all_goes_to_everybody_once_and_not_to_ourselves():
    """Reply-To comes before From."""
    message = received(
        reply_to="team@example.test", to="desk@example.org, bob@example.test", cc="Team@example.test, joe@x.test"
    )
    back = answer(message, to_all=True)
    assert [address.mailbox for address in back.to] == ["team@example.test"]
    assert [address.mailbox for address in back.cc] == ["bob@example.test", "joe@x.test"]


@pytest.mark.parametrize("bad", [b"", b"Message-ID: <\xff@x>\n", b"Message-ID: <" + b"x" * 2000 + b"@x>\n", b"Subject: Re:\n"])
def test_any_mail_can_be_answered(bad):
    """What no header can hold is left out."""
    back = answer(Message.read(b"From: ann@example.test\n" + bad + b"\n"))
    assert (back.in_reply_to, back.references, back.subject) == ("", (), "Re:")


OLD = bytes.fromhex("01D046C6FC06C85C39B2C024428381B13C0C5C3FDEB4")  # begun 12 February 2015
NEW = bytes.fromhex("0101D62D1368E0D68E8EF5F04383") + bytes(8)  # begun 18 May 2020


@pytest.mark.parametrize(("index", "begun"), [(OLD, datetime(2015, 2, 12, 13, 22)), (NEW, datetime(2020, 5, 18, 12, 54))])
@pytest.mark.parametrize(("later", "shift"), [(timedelta(hours=1), 18), (timedelta(days=900), 23)])
def test_exchange_finds_a_reply_below_its_parent(index, begun, later, shift):
    """The index grows by five octets that say when; both forms that Exchange writes are known."""
    now = begun.replace(tzinfo=UTC) + later
    grown = b64decode(_thread_index(b64encode(index).decode(), now))
    block = int.from_bytes(grown[22:])
    assert grown[:22] == index
    assert block >> 39 == (shift == 23)
    since = timedelta(microseconds=((block >> 8 & 0x7FFFFFFF) << shift) // 10)
    assert abs(since - later) < timedelta(minutes=1)


@pytest.mark.parametrize("index", ["", "x", "AAAA", "!" * 40, b64encode(bytes(24)).decode()])
def test_no_index_is_made_up(index):
    """What is no Thread-Index is not continued."""
    assert _thread_index(index, datetime.now(UTC)) == ""


def test_outlooks_headers_are_continued():
    """Thread-Topic is the subject without prefixes."""
    headers = (("Thread-Index", b64encode(OLD).decode()),)
    back = answer(received(subject="AW: Printer", headers=headers))
    assert back.header("Thread-Topic") == "Printer"
    assert b64decode(back.header("Thread-Index"))[:22] == OLD
    assert answer(received()).header("Thread-Index") == ""
