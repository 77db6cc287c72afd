"""What is believed first when several things name a record."""

import pytest

from mailport import Mailport, RecognitionRules
from mailport.policies.clues import ClueKind, clues
from mailport.policies.conversation_ids import new_conversation_id

SECRET = b"k" * 32
ID = new_conversation_id(SECRET, "INC42")
ANSWERS = {"in_reply_to": "<2@x>", "references": ("<1@x>", "<2@x>")}


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"subject": f"Re: Incident 7 [Ref:{ID}]"} | ANSWERS, [(ClueKind.CONVERSATION, ID), (ClueKind.SUBJECT, "7")]),
        ({"subject": "Re: Incident 7"} | ANSWERS, [(ClueKind.SUBJECT, "7")]),
        ({"subject": "Re: Printer"} | ANSWERS, [(ClueKind.ANSWERED, "<2@x>")]),
        ({"subject": "Printer"}, []),
    ],
)
async def test_the_order_of_belief(compose, message, expected):  # MAT-11
    """A conversation id, then an id in the subject; In-Reply-To and References only where neither is there."""
    async with Mailport(discover=False) as mail:
        found = clues(mail.recognise(compose(**message), RecognitionRules(conversation_secrets=(SECRET,))))
    assert [(clue.kind, clue.candidates[0]) for clue in found] == expected
    assert [clue.reference for clue in found if clue.kind is ClueKind.CONVERSATION] in ([], ["INC42"])
