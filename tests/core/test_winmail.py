"""winmail.dat: what Outlook wraps is found, and a hostile one costs little."""

import struct
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailport import Attachment, Message, UnsupportedFeature
from mailport.policies.winmail import WinmailRecogniser, unpack
from mailport.rules import RecognitionRules

pytest.importorskip("tnefparse")

HEAD = struct.pack("<IH", 0x223E9F78, 1)
EMBEDDED = bytes.fromhex("0703020000000000c000000000000046")
BODY, HTML, LONG_NAME, DATA = 0x1000, 0x1013, 0x3707, 0x3701
STRING, BINARY, OBJECT, MANY_SHORTS = 0x1E, 0x102, 0x0D, 0x1002
LAST = struct.pack("<BHHI", 1, 0x8010, 1, 12) + bytes(14)


def made(level, name, data):
    """One object of a TNEF file."""
    return struct.pack("<BHHI", level, name, 6, len(data)) + data + struct.pack("<H", sum(data) & 0xFFFF)


def properties(*listed):
    """The properties that one object holds."""
    packed = b""
    for kind, name, value in listed:
        packed += struct.pack("<HHII", kind, name, 1, len(value)) + value + bytes(-len(value) % 4)
    return struct.pack("<I", len(listed)) + packed


def winmail(*objects):
    return HEAD + b"".join(objects) + LAST


FILE = made(2, 0x9002, bytes(14)) + made(2, 0x8010, b"\xdcbersicht.pdf\0") + made(2, 0x800F, b"%PDF")


def wrapped(content):
    file = Attachment(filename="winmail.dat", content=content, content_type="application/ms-tnef")
    return Message.read(Message.compose(sender="ann@example.org", to="bob@example.org", attachments=[file]).to_bytes())


def test_the_files_in_a_winmail_are_found():
    """Name, type and bytes; the attachment itself stays."""
    message = wrapped(winmail(FILE, FILE))
    found = WinmailRecogniser().recognise(message, RecognitionRules())
    assert [(file.filename, file.content, file.content_type) for file in found.files] == [
        ("Übersicht.pdf", b"%PDF", "application/pdf")
    ] * 2
    assert [file.filename for file in message.attachments] == ["winmail.dat"]


def test_texts_and_long_names_are_found():
    """They are properties; a path in a name is left out."""
    named = made(2, 0x9005, properties((STRING, LONG_NAME, b"..\\a long name.pdf\0")))
    body = made(1, 0x9003, properties((STRING, BODY, b"hello\r\n\0"), (BINARY, HTML, b"<p>hello</p>")))
    found = unpack(winmail(body, FILE, named))
    assert (found.text, found.html) == ("hello\n", "<p>hello</p>")
    assert [file.filename for file in found.files] == ["a long name.pdf"]


def test_a_message_of_outlook_inside_is_a_file_again():
    """It is handed out as TNEF, not read into: nesting has no end."""
    inner = winmail(FILE)
    nested = made(2, 0x9002, bytes(14)) + made(2, 0x9005, properties((OBJECT, DATA, EMBEDDED + inner)))
    (file,) = unpack(winmail(nested)).files
    assert file.content_type == "application/vnd.ms-tnef"
    assert [found.content for found in unpack(file.content + bytes(20)).files] == [b"%PDF"]


@pytest.mark.parametrize(
    "content",
    [
        winmail(made(1, 0x9003, struct.pack("<I", 0xFFFFFFFF))),
        winmail(made(1, 0x9003, struct.pack("<IHHI", 1, MANY_SHORTS, BODY, 0xFFFFFFFF))),
        winmail(made(1, 0x9003, struct.pack("<IHHI", 1, MANY_SHORTS, BODY, 0xFFFFFFFF) + bytes(2_000_000))),
        winmail(made(1, 0x9004, struct.pack("<I", 0xFFFFFFFF))),
        winmail(*[made(2, 0x9002, b"")] * 200_000),
        winmail(made(2, 0x9002, bytes(14)), made(2, 0x9005, properties((OBJECT, DATA, EMBEDDED + HEAD)))),
        winmail(made(2, 0x800F, b"before any attachment")),
        HEAD + bytes(30_000_000),
    ],
    ids=["properties", "values", "many values", "recipients", "objects", "nested", "order", "size"],
)
def test_a_hostile_winmail_costs_little(content):  # SEC-07
    """Counts that do not fit, endless objects, too many bytes: at most three seconds, and no error."""
    started = time.process_time()
    unpack(content)
    assert time.process_time() - started < 3


@settings(deadline=None)
@given(st.binary(max_size=200), st.integers(0, 300), st.binary(max_size=8))
def test_a_broken_winmail_raises_nothing(garbage, at, change):
    """Any bytes give a finding or none."""
    whole = winmail(made(1, 0x9003, properties((STRING, BODY, b"hello\0"))), FILE)
    for content in (garbage, HEAD + garbage, whole[:at], whole[:at] + change + whole[at + len(change) :]):
        unpack(content)


def test_a_message_without_one_has_none():
    """Other mail is not concerned."""
    message = Message.compose(sender="ann@example.org", to="bob@example.org", text="hello")
    assert WinmailRecogniser().recognise(message, RecognitionRules()) is None
    assert unpack(b"no winmail") is None


def test_without_the_extra_the_error_names_it(monkeypatch):
    """A host that wants it learns what to install."""
    monkeypatch.setitem(sys.modules, "tnefparse", None)
    with pytest.raises(UnsupportedFeature) as caught:
        unpack(winmail(FILE))
    assert "mailport[tnef]" in caught.value.remedy
