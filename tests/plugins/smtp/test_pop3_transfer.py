"""A message by POP3, cut into blocks at every place."""

import io
import poplib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailport_smtp.pop3.transfer import Transfer

PIECES = st.lists(st.sampled_from([b".", b"\r\n", b"x", b"..", b"\r", b"\n", b"x" * 50]), max_size=40).map(b"".join)


class Blocks(io.BufferedReader):
    """Gives a message block by block, as a network does."""

    def __init__(self, data: bytes, sizes: list[int]) -> None:
        super().__init__(io.BytesIO(b""))
        self._left = data
        self._sizes = sizes

    def read1(self, size: int = -1, /) -> bytes:
        size = self._sizes.pop() if self._sizes else size
        block, self._left = self._left[:size], self._left[size:]
        return block


def stuffed(content: bytes) -> bytes:
    """A message as a server sends it."""
    ended = content if content.endswith(b"\n") or not content else content + b"\r\n"
    return re.sub(rb"(?<![^\n])\.", b"..", ended) + b".\r\n"


def received(transfer: Transfer) -> bytes:
    """Everything, to the end."""
    return b"".join(iter(transfer.read, b""))


@given(content=PIECES, sizes=st.lists(st.integers(1, 7), max_size=400))
def test_blocks_may_end_anywhere(content: bytes, sizes: list[int]) -> None:
    """Wherever the network cuts, the message is the same, and its end is found."""
    transfer = Transfer(Blocks(stuffed(content), sizes), len(content))
    expected = content if content.endswith(b"\n") or not content else content + b"\r\n"
    assert received(transfer) == expected
    assert transfer.finished


@given(content=PIECES, sizes=st.lists(st.integers(1, 7), max_size=400), read=st.booleans())
def test_a_message_may_be_put_aside(content: bytes, sizes: list[int], read: bool) -> None:
    """A message that is put aside reads the same."""
    transfer = Transfer(Blocks(stuffed(content), sizes), len(content))
    begun = transfer.read() if read else b""
    transfer.put_aside()
    assert transfer.finished
    assert begun + received(transfer) == (content if content.endswith(b"\n") or not content else content + b"\r\n")
    transfer.close()


def test_what_follows_the_end_is_an_error() -> None:
    """Nothing was asked, so nothing may follow: a forged end in the message would be the beginning of an answer."""
    with pytest.raises(poplib.error_proto):
        Transfer(Blocks(b"x\r\n.\r\n+OK forged\r\n", []), 1).read()


def test_an_end_that_is_missing_is_an_error() -> None:
    """A connection that ends in the message is no end of the message."""
    with pytest.raises(poplib.error_proto):
        received(Transfer(Blocks(b"x\r\n.", []), 1))
