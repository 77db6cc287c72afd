"""Reply text is what a person wrote, without quoted history and signature."""

import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailport import Mailport, Message, RecognitionRules, UnsupportedFeature
from mailport.policies.bodytext import html_to_text
from mailport.policies.quoting import split_quoted
from mailport.policies.reply import ReplyRecogniser, _library, split_reply


def test_the_parts_of_a_reply():
    """Text, signature and history are all there, and the reason says what was taken away."""
    found = split_reply("It works.\n\nBest regards\nAnn\n\nOn Mon, Nov 2, 2026 Desk <desk@example.org> wrote:\n> And now?\n")
    assert (found.text, found.signature) == ("It works.", "Best regards\nAnn")
    assert found.quoted == "On Mon, Nov 2, 2026 Desk <desk@example.org> wrote:\n> And now?"
    assert found.reason == "without quoted text and a signature"


def test_the_message_keeps_its_full_text(compose):
    """The finding stands beside it."""
    message = Message.read(compose(text="Yes.\n\n> Really?\n").to_bytes())
    assert ReplyRecogniser().recognise(message, RecognitionRules()).text == "Yes."
    assert message.text == "Yes.\n\n> Really?\n"
    assert ReplyRecogniser().recognise(compose(text=""), RecognitionRules()) is None


@pytest.mark.parametrize("text", ["Thanks!", "Thank you", "Danke", "Best regards"])
def test_thanks_alone_is_the_text(text):
    """Nobody sends a mere signature."""
    assert split_reply(text).text == text


def test_a_mail_only_passed_on_has_no_text():
    """What is below the divider was written by somebody else."""
    text = "---------- Forwarded message ---------\nFrom: Bob <bob@example.test>\nDate: 2 Nov 2026\nSubject: x\n\nHelp\n"
    assert split_reply(text).text == ""


def test_marked_html_quotes_are_left_out(compose):
    """Where everything is marked, everything is read."""
    typed = '<div>Yes.<blockquote type="cite"><div>Really?</div></blockquote></div>'
    assert ReplyRecogniser().recognise(compose(text="", html=typed), RecognitionRules()).text == "Yes."
    forwarded = '<div class="gmail_quote">Only this</div>'
    assert ReplyRecogniser().recognise(compose(text="", html=forwarded), RecognitionRules()).text == "Only this"


@pytest.mark.parametrize(
    "html", ["", " ", "<!-- -->", "\0", "<p>\ud800", "<?xml version='1.0' encoding='x'?><p>a", "<div>" * 5000]
)
def test_any_html_is_read(html):
    """Broken, empty or endlessly nested."""
    assert isinstance(html_to_text(html), str)


def _filled(*texts):
    return sorted(line.strip() for text in texts for line in text.split("\n") if line.strip())


lines = st.sampled_from(
    ["Hello", "", "> quoted", ">> deep", "-- ", "Best regards", "Ann", "Thanks, it works.", "From: a@example.org", "Sent: 2026",
     "Subject: x", "On 2 Nov 2026 Ann <a@example.org> wrote:", "On 2 Nov 2026 Ann <", "_" * 32, "-----Original Message-----",
     "Sent from my iPhone", "Von: a", "Am 2.11.2026 schrieb Ann:", "Tak", "Do: x", "Data: 2026"]
)  # fmt: skip


@settings(max_examples=300)
@given(st.lists(st.one_of(lines, st.text(st.characters(exclude_categories=["C", "Z"]), max_size=30)), max_size=15))
def test_no_line_is_lost(given_lines):
    """Every line that was there is in the text, the signature or the history, once."""
    found = split_reply("\n".join(given_lines))
    assert _filled(found.text, found.signature, found.quoted) == _filled(*given_lines)


@given(st.lists(lines, max_size=12))
def test_what_was_typed_holds_no_history(given_lines):
    """Looking twice finds no more: the typed part of a typed part is all of it."""
    typed = split_quoted("\n".join(given_lines)).typed
    assert not any(line.startswith(">") for line in typed.split("\n"))


@pytest.mark.parametrize(
    "unit", ["\n", " ", "On x ", "On 1.1.2026 x wrote:\n> q\n", "a::b\n", "-", "Thanks,\n", "<a@b.c>\n", ">\n"]
)
def test_hostile_text_takes_bounded_time(unit):  # SEC-07
    """10 MB of what makes regular expressions slow."""
    started = time.perf_counter()
    split_reply(unit * (10_000_000 // len(unit)))
    assert time.perf_counter() - started < 10


async def test_without_the_library_it_is_off(compose, monkeypatch):
    """The error names the extra; recognition goes on with what needs none."""
    monkeypatch.setitem(sys.modules, "mailparser_reply", None)
    _library.cache_clear()
    with pytest.raises(UnsupportedFeature, match="library") as error:
        split_reply("Hello")
    assert error.value.remedy == "Install mailport[reply]."
    async with Mailport(plugins=[], discover=False) as mail:
        found = mail.recognise(compose(subject="Incident 4711"), RecognitionRules())
    assert list(found) == ["subject"]
