"""The content of messages: how it is measured, and what happens to 8-bit bytes on a server that takes seven."""

import tracemalloc
from pathlib import Path

import pytest

from mailport.errors import Refused, UnsupportedFeature
from mailport.message import Attachment, Message
from mailport_smtp.smtp.content import SLICE, SMALL, measure, seven_bit
from tests.peers.scripted_smtp import ScriptedSmtp
from tests.peers.smtpsink import SmtpSink
from tests.plugins.smtp.outgoing import account, message, sending

LATIN = "Schöne Grüße\r\n".encode("latin-1")
PARTS = b"""From: a@example.test\r\nTo: b@example.test\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r
Content-Transfer-Encoding: 8bit\r\n\r\n--x\r\nContent-Type: text/plain; charset=latin-1\r\nContent-Transfer-Encoding: 8bit\r\n\r
%s--x\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\r\n\xff\xfe\r\n--x--\r\n"""


def large(size: int) -> Message:
    """A composed message with an attachment of `size` bytes."""
    return message(attachments=[Attachment(filename="large.bin", content=bytes(range(256)) * (size // 256))])


@pytest.mark.parametrize("size", [1000, 3_000_000])
@pytest.mark.parametrize("kind", ["composed", "bytes", "file"])
async def test_the_measure_fits_what_is_written(tmp_path: Path, kind: str, size: int) -> None:
    """The size is that of what is written; only a small message is kept whole, and no slice is large."""
    composed = large(size)
    path = tmp_path / "one.eml"
    path.write_bytes(raw := composed.to_bytes())
    content = await measure({"composed": composed, "bytes": Message.read(raw), "file": Message.read(path)}[kind])
    pieces = [piece async for piece in content.pieces()]
    assert content.size == len(b"".join(pieces)) - len(b".\r\n")
    assert content.is_ascii
    assert (content.whole is not None) == (size < SMALL)
    assert max(map(len, pieces)) <= max(SLICE, SMALL)


async def test_a_large_message_arrives(tmp_path: Path) -> None:
    """25 MB from a file arrive byte for byte."""
    path = tmp_path / "large.eml"
    path.write_bytes(large(18_000_000).to_bytes())
    with ScriptedSmtp(extensions=("PIPELINING", "SIZE 50000000")) as server:
        async with sending(account(server.port, send_mail_timeout=30)) as sender:
            assert (await sender.send(Message.read(path))).accepted
    assert server.messages[0].content == path.read_bytes()
    assert server.messages[0].mail_parameters == [f"SIZE={path.stat().st_size}"]


@pytest.mark.parametrize("kind", ["file", "composed"])
async def test_a_large_message_takes_little_memory(tmp_path: Path, smtp_sink: SmtpSink, kind: str) -> None:
    """25 MB are written piece by piece: a few of them are in memory at a time, and no copy of the message."""
    path = tmp_path / "large.eml"
    path.write_bytes((one := large(18_000_000)).to_bytes())
    if kind == "file":
        one = Message.read(path).replace(envelope_to=("bob@example.test",))
    async with sending(account(smtp_sink.port, send_mail_timeout=30)) as sender:
        tracemalloc.start()
        try:
            await sender.send(one)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 5_000_000


async def test_eight_bits_are_encoded_where_seven_are_taken() -> None:
    """Without 8BITMIME the parts of an 8-bit message get an encoding; their content is the same."""
    read = Message.read((await collected(Message.read(PARTS % LATIN))).removesuffix(b".\r\n"))
    assert read.text.strip() == "Schöne Grüße"
    assert read.attachments[0].content == b"\xff\xfe"


@pytest.mark.parametrize("signature", ["DKIM-Signature: v=1", "Content-Type: multipart/signed; boundary=x"])
async def test_a_signed_message_is_never_rewritten(signature: str) -> None:
    """A signature would break: the message is refused, not silently changed."""
    raw = signature.encode() + b"\r\n" + PARTS % LATIN
    with pytest.raises(UnsupportedFeature, match="signed"):
        await seven_bit(Message.read(raw))


async def collected(one: Message) -> bytes:
    """The seven-bit content of a message, checked to be that."""
    content = await seven_bit(one)
    data = b"".join([piece async for piece in content.pieces()])
    assert content.is_ascii
    assert data.isascii()
    return data


@pytest.mark.parametrize(("extensions", "expected"), [(("8BITMIME",), ["BODY=8BITMIME"]), ((), [])])
async def test_8bitmime_is_announced_only_where_needed(extensions: tuple[str, ...], expected: list[str]) -> None:
    """BODY=8BITMIME goes with 8-bit bytes to a server that offers it, and with nothing else."""
    eight, seven = Message.read(PARTS % LATIN), message()
    with ScriptedSmtp(extensions=extensions) as server:
        async with sending(account(server.port)) as sender:
            await sender.send(eight)
            await sender.send(seven)
    assert [one.mail_parameters for one in server.messages] == [expected, []]
    assert server.messages[0].content.isascii() == (not extensions)


@pytest.mark.parametrize("extensions", [("8BITMIME", "SMTPUTF8"), ("8BITMIME",)])
async def test_unencoded_headers_need_smtputf8(extensions: tuple[str, ...]) -> None:
    """A message whose headers are in UTF-8 travels by SMTPUTF8, or not at all."""
    read = Message.read("From: a@example.test\r\nTo: b@example.test\r\nSubject: Grüße\r\n\r\nHello\r\n".encode())
    with ScriptedSmtp(extensions=extensions) as server:
        async with sending(account(server.port)) as sender:
            if "SMTPUTF8" in extensions:
                await sender.send(read)
                assert server.messages[0].mail_parameters == ["BODY=8BITMIME", "SMTPUTF8"]
            else:
                with pytest.raises(UnsupportedFeature, match="header"):
                    await sender.send(read)


async def test_the_limit_is_compared_before_mail() -> None:
    """A message above the server's SIZE is refused without a word to the server."""
    with ScriptedSmtp(extensions=("SIZE 300",)) as server:
        async with sending(account(server.port)) as sender:
            with pytest.raises(Refused, match="300"):
                await sender.send(message(text="x" * 300))
    assert not [line for line in server.received if line.startswith(b"MAIL")]
