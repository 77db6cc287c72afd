"""Bytes on the wire: content, commands and replies, whatever the borders between the pieces."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailport.errors import ConfigurationError
from mailport_smtp.smtp.replies import Extensions, Malformed, Replies, Reply
from mailport_smtp.wire import Normaliser, mail_command, path, rcpt_command

# Few letters, so that line ends and dots meet each other and the borders often.
TEXT = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b".", b"..", b"a", b"\xe4", b"\0"]), max_size=40).map(b"".join)


def cut(data: bytes, borders: list[int]) -> list[bytes]:
    """`data` in pieces that end at `borders`."""
    places = sorted({border % (len(data) + 1) for border in borders} | {0, len(data)})
    return [data[start:end] for start, end in pairwise(places)]


def written(pieces: list[bytes]) -> bytes:
    """What follows DATA for a message in `pieces`."""
    lines = Normaliser()
    return b"".join([*(lines.feed(piece) for piece in pieces), lines.finish()])


def read_by_server(content: bytes) -> bytes:
    """What a server makes of it (RFC 5321 section 4.5.2)."""
    *lines, last = content.split(b"\r\n")
    assert last == b""
    assert lines.pop() == b"."
    assert b"." not in lines
    return b"".join(line.removeprefix(b".") + b"\r\n" for line in lines)


@given(TEXT, st.lists(st.integers(0, 200), max_size=6))
def test_the_server_reads_what_was_written(data: bytes, borders: list[int]) -> None:
    """However a message is cut, the server gets its lines with CRLF ends, and nothing ends it early."""
    normal = re.sub(rb"\r\n|\r|\n", b"\r\n", data)
    expected = normal if not normal or normal.endswith(b"\r\n") else normal + b"\r\n"
    assert read_by_server(written(cut(data, borders))) == expected


@given(TEXT, st.lists(st.integers(0, 200), max_size=6))
def test_borders_make_no_difference(data: bytes, borders: list[int]) -> None:
    """The same bytes are written and counted for every way to cut a message."""
    whole, pieces = Normaliser(), Normaliser()
    assert written([data]) == written(cut(data, borders))
    whole.feed(data), whole.finish()
    [pieces.feed(piece) for piece in cut(data, borders)], pieces.finish()
    assert (whole.size, whole.is_ascii) == (pieces.size, pieces.is_ascii)
    assert whole.size == len(read_by_server(written([data])))
    assert whole.is_ascii == data.isascii()


@pytest.mark.parametrize("bad", ["a@b.c\r\nRSET", "a b@c.d", "a@b.c> SIZE=1", "nobody", "<a@b.c>", "", "a@b\0.c"])
def test_what_is_no_address_reaches_no_command(bad: str) -> None:
    """A line break or a bracket in an address is refused before I/O.  # SEC-05"""
    with pytest.raises(ConfigurationError) as caught:
        path(bad, field="envelope_to")
    assert caught.value.field == "envelope_to"


def test_commands_name_paths_and_parameters() -> None:
    """International domains become A-labels; quoted local parts stay."""
    assert mail_command(path("a@bücher.example", field=""), ["SIZE=1"]) == b"MAIL FROM:<a@xn--bcher-kva.example> SIZE=1\r\n"
    assert rcpt_command(path('"a b"@c.example', field="")) == b'RCPT TO:<"a b"@c.example>\r\n'


@given(st.lists(st.integers(0, 100), max_size=6))
def test_replies_come_whole_whatever_the_borders(borders: list[int]) -> None:
    """Replies are taken out of the stream one by one, several lines as one, however the bytes arrive."""
    replies = Replies()
    data = b"250-2.1.0 first\r\n250 2.1.0 second\r\n354 go\n550\r\n"
    heard = [reply for piece in cut(data, borders) for reply in replies.feed(piece)]
    assert heard == [Reply(250, ("2.1.0 first", "2.1.0 second")), Reply(354, ("go",)), Reply(550, ("",))]
    assert (heard[0].enhanced, heard[0].text) == ("2.1.0", "first second")


@pytest.mark.parametrize("nonsense", [b"hello\r\n", b"25\r\n", b"\r\n", b"x" * 40_000, b"250-x\r\n" * 10_000, b"2500 x\r\n"])
def test_nonsense_is_noticed(nonsense: bytes) -> None:
    """What is no reply, or never ends, is an error and fills no memory.  # SEC-07"""
    with pytest.raises(Malformed):
        Replies().feed(nonsense)


@pytest.mark.parametrize(("said", "size"), [("1000", 1000), ("0", None), ("", None), ("many", None)])
def test_a_size_of_nothing_is_no_limit(said: str, size: int | None) -> None:
    """SIZE without a number, or with 0, announces the parameter and no limit (RFC 1870)."""
    offered = Extensions.of({"size": said, "pipelining": ""})
    assert (offered.size, offered.announces_size, offered.pipelining, offered.eight_bit) == (size, True, True, False)
