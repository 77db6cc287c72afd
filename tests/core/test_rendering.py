"""What is composed arrives: read back by us and by the standard library, in bytes that no server refuses."""

import re
from email import message_from_bytes, policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailport.address import Address
from mailport.content import Attachment, Composed
from mailport.message import Message
from mailport.reading.filenames import safe_name

WRITTEN = st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp"))
ASCII_LINE = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=200)
LINE = st.text(WRITTEN, max_size=200) | ASCII_LINE
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=300) | st.lists(ASCII_LINE, max_size=8).map("\n".join)
MAILBOX = st.sampled_from(["ann@example.org", '"a b"@example.org', "a..b@example.org", f"{'l' * 64}@{'d' * 60}.example.org"])
ADDRESS = st.builds(Address, MAILBOX, LINE)
ADDRESSES = st.lists(ADDRESS, max_size=4).map(tuple)
ID = st.from_regex(r"<[a-zA-Z0-9.+=_-]{1,300}@[a-z0-9.-]{1,60}>", fullmatch=True)
FILE = st.builds(
    Attachment,
    filename=(LINE | st.just("a" * 200 + ".txt")).map(safe_name),
    content=st.binary(max_size=300),
    content_type=st.sampled_from(["application/pdf", "image/PNG", "text/calendar", "application/octet-stream"]),
    content_id=st.none() | ID,
    inline=st.booleans(),
)
COMPOSED = st.builds(Composed, text=TEXT, html=TEXT, attachments=st.lists(FILE, max_size=3).map(tuple))
MESSAGE = st.builds(
    Message,
    sender=st.none() | ADDRESS,
    to=ADDRESSES,
    cc=ADDRESSES,
    reply_to=ADDRESSES,
    subject=LINE,
    in_reply_to=st.just("") | ID,
    references=st.lists(ID, max_size=5).map(tuple),
    headers=st.lists(st.tuples(st.just("X-Note"), LINE.map(str.strip).filter(bool)), max_size=2).map(tuple),
    content=COMPOSED,
)
NAMES = ("sender", "to", "cc", "reply_to", "subject", "message_id", "in_reply_to", "references", "text", "html")


def by_content(files):
    return sorted(files, key=repr)


@given(MESSAGE)
def test_any_message_reads_back_equal(message):
    """Subject, addresses, ids, texts and attachments survive the way to bytes and back, whatever they hold."""
    back = Message.read(message.to_bytes())
    assert {name: getattr(back, name) for name in NAMES} == {name: getattr(message, name) for name in NAMES}
    assert by_content(back.attachments) == by_content(as_sent(file) for file in message.attachments)
    assert [value for name, value in back.headers if name == "X-Note"] == [value for _, value in message.headers]


def as_sent(file):
    """Return the file as a reader sees it: a text without a name must say that it is no body."""
    if file.filename or not file.content_type.startswith("text/"):
        return file
    return Attachment(filename="", content=file.content, content_type=file.content_type, content_id=file.content_id)


@given(MESSAGE)
def test_the_standard_library_reads_the_same(message):
    """A second reader, which is stricter than ours, finds no defect and the same texts and files."""
    parsed = message_from_bytes(message.to_bytes(), policy=policy.default)
    assert [part.defects for part in parsed.walk() if part.defects] == []
    leaves = [part for part in parsed.walk() if not part.is_multipart()]
    files = [part for part in leaves if part.get_content_disposition()]
    texts = {part.get_content_subtype(): part.get_content().replace("\r\n", "\n") for part in leaves if part not in files}
    assert (texts.get("plain", ""), texts.get("html", "")) == (message.text, message.html)
    assert sorted(part.get_payload(decode=True) for part in files) == sorted(file.content for file in message.attachments)


@given(MESSAGE)
def test_no_server_has_a_reason_to_refuse_the_bytes(message):
    """ASCII, CRLF and nothing bare, lines as short as RFC 5322 wants, encoded words as short as RFC 2047 demands."""
    raw = message.to_bytes()
    assert raw.isascii()
    assert raw.endswith(b"\r\n") or not message.text + message.html
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)|\0", raw)
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    head = raw.partition(b"\r\n\r\n")[0]
    words = re.findall(rb"=\?utf-8\?[qb]\?[^? ]*\?=", head)
    assert max(map(len, words), default=0) <= 75
    assert max((len(line) for line in head.split(b"\r\n") if b"=?utf-8?" in line), default=0) <= 78


def test_an_attached_message_stays_a_message():
    """It may not be encoded (RFC 2046 section 5.2.1): one of plain ASCII lines goes as it is, another as a file of bytes."""
    plain, other = b"Subject: inner\r\n\r\nHello\r\n", "Subject: inner\r\n\r\nGrüße\r\n".encode()
    for content, content_type in ((plain, "message/rfc822"), (other, "application/octet-stream")):
        inner = Attachment(filename="inner.eml", content=content, content_type="message/rfc822")
        back = Message.read(Message.compose(text="See below.", attachments=[inner]).to_bytes())
        assert (back.attachments[0].content, back.attachments[0].content_type) == (content, content_type)
        assert back.text == "See below."


def test_a_retry_sends_equal_bytes():
    """Boundaries depend on the Message-ID, and not on the hour."""
    message = Message.compose(text="t", html="h", attachments=[Attachment(filename="a", content=b"x")])
    assert message.to_bytes() == message.to_bytes()


def test_a_mailbox_beyond_ascii_is_never_encoded():
    """An encoded word is illegal inside an address (RFC 2047 section 5): the local part stays, the domain becomes A-labels."""
    raw = Message.compose(sender="Müller <müller@exämple.example.org>", to="ann@example.org").to_bytes()
    assert "<müller@xn--exmple-cua.example.org>".encode() in raw


@pytest.mark.parametrize("subject", ["=?utf-8?q?no?=", "a  b\tc", "\u200bzero\xa0", "x" * 2000, "wort " * 300, "\ud800"])
def test_subjects_that_look_like_something_else_survive(subject):
    """What looks like an encoded word, odd white space, endless words; half a character becomes a question mark."""
    back = Message.read(Message.compose(subject=subject).to_bytes())
    assert back.subject == subject.strip().replace("\ud800", "?")
