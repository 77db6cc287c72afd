"""What is recognised over the labelled set, with how few mistakes."""

from collections import Counter

import pytest

from mailport import Mailport
from tests.data.recognition import measure
from tests.data.recognition.generate import RULES, labelled


def test_the_set_is_large_and_balanced():
    """Every kind of mail is in it, people most; no name twice."""
    kinds = Counter(one.kind for one in labelled())
    assert kinds.total() >= 150
    assert min(kinds["auto-reply"], kinds["bounce"]) >= 30
    assert kinds["person"] >= kinds["auto-reply"] + kinds["bounce"]
    assert len({one.name for one in labelled()}) == kinds.total()


@pytest.mark.parametrize("score", [measure.auto_replies, measure.automatic, measure.bounces, measure.reply_texts])
def test_recognition_is_good_enough(score):
    """Precision of at least 0.98, recall of at least 0.95."""
    result = score()
    assert result.precision >= 0.98, result.mistakes
    assert result.recall >= 0.95, result.mistakes


async def test_every_recogniser_survives_every_message(caplog):
    """None of them fails, through the door that hosts use."""
    async with Mailport(plugins=[], discover=False) as mail:
        found = [mail.recognise(one.message, RULES) for one in labelled()]
    assert caplog.records == []
    assert {"automatic", "bounce", "complaint", "reply"} <= {name for findings in found for name in findings}
