"""Our reader beside the standard library's, and beside itself with and without the accelerator."""

import email
import email.policy
import sys
from email.headerregistry import Address
from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailport import Message
from mailport.reading import transfer
from mailport.reading.parts import leaves
from mailport.reading.transfer import decode, from_base64
from tests.corpus import cases

CASES = list(cases())
OPAQUE = ("message/rfc822", "message/delivery-status", "message/partial", "message/external-body")

# Where the standard library reads otherwise, and why we do not follow it.
DELIBERATE = {
    "it ends the headers at the first line that is none, and loses those that follow": (
        "a quoted first line of a mailbox file",
        "a line that is no header in the middle",
        "a continuation that was not indented",
        "a name with a space before the colon",
        "a name with a space inside",
        "a name of 8-bit letters",
        "a name of control characters",
        "doubled carriage returns",
    ),
    "it reads a first line that is none as a header, and loses the text": (
        "a first line that is a continuation",
        "a colon",
        "white space",
    ),
    "it takes a carriage return for a line end": ("only carriage returns", "carriage returns only"),
    "it has no bounds": (
        "headers beyond a megabyte",
        "thirty thousand parts",
        "the boundary a hundred thousand times",
        "almost the boundary a hundred thousand times",
        "33 levels of parts",
        "100 levels of parts",
        "1000 levels of parts",
        "3000 levels of parts",
        "levels that are never closed",
    ),
    "it shows nothing of a multipart that it cannot take apart": (
        "no boundary parameter",
        "an empty boundary",
        "a boundary that never comes",
        "no body at all",
        "only the end",
        "the same boundary inside",
        "a boundary in 8-bit letters",
        "a boundary in latin-1",
        "a quotation that never ends",
        "signed with PGP",
    ),
    "it drops the last line end of a part without an end": ("no end",),
    "it hands out content types that are none": (
        "the content type 'text/'",
        "the content type '/plain'",
        "the content type 'te xt/plain'",
        "the content type 'täxt/plain'",
        "the content type '\\x01/\\x02'",
        "the content type of a file is broken",
        "a content type with a comment",
    ),
    "it leaves an encoding undecoded of which something is wrong": (
        "base64 b'aGVsb'",
        "base64 b'a'",
        "quoted-printable b'a= \\r\\nb'",
        "the encoding ' base64 '",
        "the encoding 'base64 (comment)'",
        "uuencode of nothing",
    ),
}
DIFFERENT = {about for group in DELIBERATE.values() for about in group}


def with_stdlib(part):
    """List the parts that hold something, as types and octets; what is inside a message is not ours to list."""
    if part.get_content_maintype() == "multipart" and part.is_multipart():
        return [leaf for child in part.get_payload() for leaf in with_stdlib(child)]
    return [(part.get_content_type(), None if part.is_multipart() else part.get_payload(decode=True))]


def with_ours(raw):
    return [(part.content_type, decode(raw[part.body : part.stop], part.encoding)) for part in leaves(raw)]


@pytest.mark.parametrize("case", [case for case in CASES if case.about not in DIFFERENT], ids=lambda case: case.name)
def test_the_corpus_has_the_parts_that_the_standard_library_sees(case):
    """Types, order and octets are equal; attached messages are not written anew, which it does."""
    theirs = with_stdlib(email.message_from_bytes(case.raw, policy=email.policy.compat32))
    ours = with_ours(case.raw)
    assert [(kind, None if kind in OPAQUE else octets) for kind, octets in ours] == [
        (kind, None if kind in OPAQUE else octets) for kind, octets in theirs
    ]


def test_the_differences_are_all_of_the_corpus():
    """The list of differences names nothing that is gone."""
    assert {case.about for case in CASES} >= DIFFERENT


TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp", "Co", "Cn")), max_size=60)
NAME = st.text(st.characters(categories=("L", "N"), include_characters=" -_"), min_size=1, max_size=30).map(str.strip)


@st.composite
def written(draw):
    """A message that the standard library wrote."""
    message = EmailMessage(policy=email.policy.SMTP)
    message["From"] = "ann@example.org"
    message["To"] = Address(draw(NAME), "user", "example.org")  # of several with such names it writes lists without commas
    message["Subject"] = draw(TEXT)
    message.set_content(draw(TEXT), cte=draw(st.sampled_from(["base64", "quoted-printable", None])))
    if draw(st.booleans()):
        message.add_alternative(draw(TEXT), subtype="html")
    for name in draw(st.lists(NAME.filter(bool), max_size=3)):
        message.add_attachment(draw(st.binary(max_size=200)), maintype="application", subtype="x-a", filename=name)
    return message


def squeezed(text):
    """Without white space: the standard library loses and adds some where it folds, differently in each Python."""
    return "".join(text.split())


@settings(deadline=None)
@given(written())
def test_what_the_standard_library_writes_is_read_as_it_reads_it(message):
    """Subject, recipients, texts and files are those that ``policy.default`` gives."""
    raw = message.as_bytes()
    ours, theirs = Message.read(raw), email.message_from_bytes(raw, policy=email.policy.default)
    assert squeezed(ours.subject) == squeezed(theirs["Subject"])
    assert [squeezed(str(to.display_name)) for to in ours.to] == [squeezed(to.display_name) for to in theirs["To"].addresses]
    assert [to.mailbox for to in ours.to] == [to.addr_spec for to in theirs["To"].addresses]
    for kind, text in (("plain", ours.text), ("html", ours.html)):
        body = theirs.get_body((kind,))
        assert text == (body.get_content().replace("\r\n", "\n") if body else "")
    files = [(file.get_filename(), file.get_content()) for file in theirs.iter_attachments()]
    assert [(file.filename, file.content) for file in ours.attachments] == files


@pytest.fixture
def without_accelerator(monkeypatch):
    """As if the extra ``mailport[fast]`` were not installed."""
    monkeypatch.setitem(sys.modules, "pybase64", None)


@pytest.fixture
def always_accelerated(monkeypatch):
    """Small contents too go through the accelerator."""
    pytest.importorskip("pybase64")
    monkeypatch.setattr(transfer, "_LARGE", 0)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_corpus_reads_alike_with_the_accelerator(case, always_accelerated, monkeypatch):
    """The extra makes reading faster, and nothing else."""
    fast = with_ours(case.raw)
    monkeypatch.setitem(sys.modules, "pybase64", None)
    assert with_ours(case.raw) == fast


def test_any_octets_read_alike_with_the_accelerator(always_accelerated):
    """Also broken base64 gives the same octets."""
    pybase64 = sys.modules.get("pybase64") or pytest.importorskip("pybase64")

    @settings(deadline=None)
    @given(st.text("YWJjZ=\r\n -_\x00é+/", max_size=40).map(str.encode) | st.binary(max_size=40))
    def alike(data):
        sys.modules["pybase64"] = pybase64
        fast = from_base64(data)
        sys.modules["pybase64"] = None
        assert from_base64(data) == fast

    try:
        alike()
    finally:
        sys.modules["pybase64"] = pybase64


def test_big_attachments_need_no_accelerator(without_accelerator):
    """Without the extra the standard library decodes."""
    assert from_base64(b"YWFh\r\n" * 20_000) == b"aaa" * 20_000
