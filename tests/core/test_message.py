"""Messages: composed, rendered, read."""

import re
from datetime import UTC, datetime
from email import message_from_bytes, policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailport.errors import ConfigurationError
from mailport.message import Address, Attachment, Message
from mailport.rendering import CHUNK

EXCHANGE_ID = "<" + "A" * 60 + "B" * 30 + "@EXCHANGE01.prod.example.org>"
PIXEL = Attachment(filename="pixel.png", content=b"\x89PNG", content_type="image/png", content_id="pixel", inline=True)


def compose(**more):
    return Message.compose(**({"sender": "Desk <desk@example.org>", "to": "ann@example.org", "subject": "Hello"} | more))


def test_a_message_reads_back_as_it_was_composed():
    """Addresses, subject, texts and attachments survive the way to bytes and back."""
    message = compose(
        to="Ännchen Müller <ann@example.org>, bob@example.org",
        subject="Grüße " + "ß" * 90,
        text="Zeile eins\nZeile zwei\n",
        html="<p>Grüße</p>\n",
        attachments=[Attachment(filename="Übersicht 2026.pdf", content=b"%PDF", content_type="application/pdf")],
    )
    back = Message.read(message.to_bytes())
    for name in ("sender", "to", "subject", "text", "html", "attachments", "message_id"):
        assert getattr(back, name) == getattr(message, name)
    assert back.date == message.date.replace(microsecond=0)


def test_composed_bytes_pass_any_seven_bit_hop():
    """A composed message is ASCII with CRLF line ends and no line above 998 octets."""
    raw = compose(subject="ü" * 500, text="ä" * 5000, html="x" * 5000).to_bytes()
    assert raw.isascii()
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    assert not re.search(rb"[^\r]\n", raw)


def test_ids_longer_than_a_line_are_never_encoded():
    """Threading with Exchange needs its 80-character ids as they are; the standard library would encode them."""
    raw = compose(in_reply_to=EXCHANGE_ID, references=(EXCHANGE_ID,) * 12).to_bytes()
    assert raw.count(EXCHANGE_ID.encode()) == 13
    assert b"=?" not in raw


def test_an_inline_image_belongs_to_the_html():
    """text and html are alternatives, the image is related to the html, files are mixed in after."""
    raw = compose(text="t", html='<img src="cid:pixel">', attachments=[PIXEL, Attachment(filename="a.txt", content=b"x")])
    parsed = message_from_bytes(raw.to_bytes(), policy=policy.default)
    assert parsed.get_content_type() == "multipart/mixed"
    alternative, attached = parsed.iter_parts()
    assert [part.get_content_type() for part in alternative.iter_parts()] == ["text/plain", "multipart/related"]
    assert attached.get_filename() == "a.txt"


def test_big_attachments_are_rendered_in_small_pieces():
    """A big file leaves in chunks of at most 256 KB and is read back equal."""
    content = bytes(range(256)) * 8000
    message = compose(text="t", attachments=[Attachment(filename="big.bin", content=content)])
    chunks = list(message.chunks())
    assert max(map(len, chunks)) <= CHUNK
    assert len(chunks) > 5
    assert Message.read(b"".join(chunks)).attachments[0].content == content


def test_bcc_leaves_only_where_the_protocol_reads_it_there():
    """The rendered bytes have no Bcc header unless asked for; the recipients always include it."""
    message = compose(bcc="secret@example.org")
    assert b"secret" not in message.to_bytes()
    assert b"Bcc: secret@example.org" in message.to_bytes(keep_bcc=True)
    assert message.recipients == ("ann@example.org", "secret@example.org")


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_an_original_leaves_as_it_came(end, tmp_path):
    """Bytes that were read are never re-serialised; only Bcc is taken out of the head."""
    head = [b"From: a@example.org", b"BCC: x@example.org,", b"  y@example.org", b"X-Odd:   =?broken?=", b""]
    raw = end.join([*head, b"Bcc: not a header", b"", b"\xff\xfe", b""])
    expected = raw.replace(b"BCC: x@example.org," + end + b"  y@example.org" + end, b"")
    (tmp_path / "mail.eml").write_bytes(raw)
    for message in (Message.read(raw), Message.read(tmp_path / "mail.eml")):
        assert message.to_bytes() == expected
        assert message.to_bytes(keep_bcc=True) == raw
        assert message.text.startswith("Bcc: not a header")


def test_a_changed_message_is_rendered_anew():
    """The envelope may change without touching the bytes; anything else makes the original void."""
    original = Message.read(compose(text="hi", attachments=[PIXEL]).to_bytes())
    assert original.replace(envelope_to=("z@example.org",)).to_bytes() == original.to_bytes()
    changed = original.replace(subject="Other")
    assert changed.original is None
    assert Message.read(changed.to_bytes()).subject == "Other"
    assert changed.attachments == original.attachments


def test_headers_of_the_old_body_may_be_given_again():
    """What was read may be handed back with more: only what the caller adds is checked."""
    original = Message.read(compose(headers=(("X-Note", "kept"),)).to_bytes())
    changed = original.replace(headers=(*original.headers, ("X-More", "added")))
    assert (changed.header("X-Note"), changed.header("X-More"), changed.header("Content-Type")) == ("kept", "added", "")
    with pytest.raises(ConfigurationError, match="has an attribute of its own"):
        original.replace(headers=(("Content-Type", "text/calendar"),))


@pytest.mark.parametrize("name", ["to", "cc", "bcc"])
def test_a_change_never_drops_a_recipient(name):
    """A recipient that cannot be read stops the change, unless the recipients are given anew or stand in the envelope."""
    original = Message.read(f"From: a@example.org\nTo: b@example.org\n{name}: Undisclosed nobody\n\nhi".encode())
    with pytest.raises(ConfigurationError) as caught:
        original.replace(subject="Other")
    assert caught.value.field == name
    assert original.replace(subject="Other", to=(), cc=(), bcc=()).recipients == ()
    assert original.replace(envelope_to=("z@example.org",)).replace(subject="Other").recipients == ("z@example.org",)


@pytest.mark.parametrize(
    ("field", "more"),
    [
        ("subject", {"subject": "a\r\nBcc: x@example.org"}),
        ("in_reply_to", {"in_reply_to": "<a>\n"}),
        ("X-Note", {"headers": (("X-Note", "a\nb"),)}),
        ("headers", {"headers": (("X Note", "a"),)}),
        ("headers", {"headers": (("Subject", "a"),)}),
        ("envelope_from", {"envelope_from": "a@example.org\r\n"}),
        ("envelope_to", {"envelope_to": ("a@example.org\n",)}),
        ("to", {"to": "a\n@example.org"}),
    ],
)
def test_a_line_break_never_becomes_a_header(field, more):  # SEC-05
    """CR, LF and NUL are refused in every header and in the envelope, naming the field."""
    with pytest.raises(ConfigurationError) as failure:
        compose(**more)
    assert failure.value.field == field


@pytest.mark.parametrize("name", ["a\r\nb.txt", "a\0b"])
def test_a_line_break_in_an_attachments_name_is_refused(name):  # SEC-05
    """The name of a file ends up in a header too."""
    with pytest.raises(ConfigurationError):
        Attachment(filename=name, content=b"")


@pytest.mark.parametrize(
    ("raw", "name", "value"),
    [
        (b"Message-ID: <>\n\n", "message_id", ""),
        (b"Message-ID: <[abc]@x>\n\n", "message_id", "<[abc]@x>"),
        (b"Subject: =?x-unknown?Q?caf=E9?=\n\n", "subject", "café"),
        (b"Subject: caf\xc3\xa9\n\n", "subject", "café"),
        (b"Subject: caf\xe9\n\n", "subject", "café"),
        (b"Subject: =?utf-8?Q?a=0AX-Evil:_1?=\n\n", "subject", "a X-Evil: 1"),
        (b"To: a@example.org; b@example.org\n\n", "to", (Address("a@example.org"), Address("b@example.org"))),
        (b"To: undisclosed-recipients:;\n\n", "to", ()),
        (b"Date: yesterday\n\n", "date", None),
        (b"Date: Tue, 24 Nov 2026 10:00:00 -0000\n\n", "date", datetime(2026, 11, 24, 10, tzinfo=UTC)),
        (b"Content-Type: text/plain; charset=utf8mb4\n\n\xc3\xa4", "text", "ä"),
        (b"Content-Type: text/plain; charset=nonsense\n\n\xe4", "text", "ä"),
        (b"", "text", ""),
    ],
)
def test_reading_is_robust(raw, name, value):
    """Broken headers and unknown charsets give the best value there is, never an error."""
    assert getattr(Message.read(raw), name) == value


def test_a_message_attached_to_a_message_is_one_attachment():
    """The inside of a forwarded message is not mixed with the outside."""
    inner = compose(subject="inner", text="inner text")
    raw = (
        b"From: a@example.org\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: text/plain\r\n\r\nouter text\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n"
        + inner.to_bytes()
        + b"\r\n--b--\r\n"
    )
    message = Message.read(raw)
    assert message.text == "outer text"
    assert [file.content_type for file in message.attachments] == ["message/rfc822"]
    assert Message.read(message.attachments[0].content).subject == "inner"


@given(st.binary(max_size=400))
def test_nothing_makes_the_reader_raise(raw):
    """Any bytes are read, and leave as they came."""
    message = Message.read(raw)
    assert isinstance(message.text + message.html + message.subject, str)
    assert message.to_bytes(keep_bcc=True) == raw
    assert all(isinstance(file.content, bytes) for file in message.attachments)


@given(
    subject=st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=120),
    text=st.text(st.characters(exclude_categories=("Cs", "Cc"), include_characters="\n"), min_size=1, max_size=300),
)
def test_any_text_survives(subject, text):
    """Subject and text are read back as they were written, apart from white space at the ends."""
    back = Message.read(compose(subject=subject, text=text).to_bytes())
    assert back.subject.split() == subject.split()
    assert back.text.rstrip("\n") == text.rstrip("\n")
