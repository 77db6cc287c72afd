"""A stored body ends before the first truncation text (TAB-05)."""

from hypothesis import given
from hypothesis import strategies as st

from mailport import Message, RecognitionRules
from mailport.policies.truncate import TruncateRecogniser, truncate

MARKERS = ("-- Reply above this line --", "Confidentiality notice")


def test_the_first_text_ends_the_body():  # TAB-05
    """Whichever entry it is of, without regard to case."""
    found = truncate("Hello\n\nCONFIDENTIALITY notice: x\n-- Reply above this line --\n", MARKERS)
    assert (found.text, found.reason) == ("Hello", "cut at “Confidentiality notice”")


def test_a_wrapped_and_quoted_text_is_found():  # TAB-05
    """Programs break long lines and mark them as quoted."""
    assert truncate("Hello\n> -- Reply above\n> this line --\n> more", MARKERS).text == "Hello\n>"


def test_without_the_text_nothing_is_cut():
    """Empty entries are none."""
    assert truncate("Hello", ("", "  ", "x")) is None


def test_the_message_keeps_everything(compose):  # TAB-05
    """The finding is beside the message; the mail's bytes stay as they came."""
    raw = compose(text="Hello\nConfidentiality notice\n").to_bytes()
    message = Message.read(raw)
    assert TruncateRecogniser().recognise(message, RecognitionRules(truncate_at=MARKERS)).text == "Hello"
    assert message.to_bytes() == raw
    assert TruncateRecogniser().recognise(message, RecognitionRules()) is None


def test_html_is_read_as_text(compose):
    """A mail without plain text has a body too."""
    message = compose(text="", html="<p>Hello</p><hr><p>Confidentiality <b>notice</b></p>")
    assert TruncateRecogniser().recognise(message, RecognitionRules(truncate_at=MARKERS)).text.startswith("Hello")


@given(st.text(max_size=80), st.lists(st.text(max_size=5), max_size=3))
def test_cutting_twice_is_cutting_once(text, at):
    """What is left begins as the text did and holds none of the entries."""
    found = truncate(text, at)
    if found:
        assert text.startswith(found.text)
        assert truncate(found.text, at) is None
