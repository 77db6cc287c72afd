"""The first word of a reply may be a decision (TAB-06 to TAB-11)."""

import pytest

from mailport import Mailport, RecognitionRules
from mailport.policies.conversation_ids import new_conversation_id
from mailport.policies.keywords import KeywordRecogniser, vote

RULES = RecognitionRules(status_keywords={"accepted": "Accepted", "Erledigt": "Completed"})


def recognise(compose, text, html="", rules=RULES):
    return KeywordRecogniser().recognise(compose(text=text, html=html), rules)


@pytest.mark.parametrize(
    "text", ["accepted", "ACCEPTED\n", "\n\n  Accepted, thanks", "*accepted*", "\ufeffAccepted!", "“Accepted”."]
)
def test_the_first_word_counts(compose, text):  # TAB-06, TAB-08
    """Without regard to case and to the punctuation around it; it gives the status of both tables."""
    found = recognise(compose, text)
    assert (found.status, found.approval) == ("Accepted", "accepted")


def test_rejected_has_its_reason_in_the_second_line(compose):  # TAB-07
    """Empty lines do not count; quoted history is no reason."""
    assert recognise(compose, "Rejected\n\nToo expensive.\nAnn\n").comment == "Too expensive."
    quoted = "Rejected\n\nOn Mon, Nov 2, 2026 at 9:15 AM Desk <desk@example.org> wrote:\n> Please decide\n"
    assert recognise(compose, quoted).comment == ""


@pytest.mark.parametrize("text", ["", "I have accepted it", "> accepted", "unaccepted", "accepted-ish", "Hello\naccepted"])
def test_other_texts_change_nothing(compose, text):  # TAB-11
    """Only the first word, all of it, and only what was typed."""
    assert recognise(compose, text) is None


def test_rows_can_be_added_and_removed(compose):  # TAB-10
    """The tables of the rules are all there is."""
    assert recognise(compose, "ERLEDIGT").status == "Completed"
    assert recognise(compose, "accepted", rules=RecognitionRules(approval_keywords={})) is None


def test_html_is_read_as_text(compose):
    """A client that sends no plain text can still decide."""
    found = recognise(compose, "", html="<div>Rejected</div><div><br></div><div>No budget</div>")
    assert (found.approval, found.comment) == ("rejected", "No budget")


@pytest.mark.parametrize(("approver", "counts"), [("Ann@Example.org", "rejected"), ("bob@example.org", "")])
def test_only_the_approvers_own_mail_counts(compose, approver, counts):  # TAB-09
    """Anybody may write the word; the vote is the approver's."""
    message = compose(text="rejected")
    assert vote(KeywordRecogniser().recognise(message, RULES), message, approver) == counts


async def test_a_keyword_reply_names_the_task_whose_history_it_belongs_to(compose):  # TAB-12
    """The mail itself is found as part of the task's conversation, beside the decision that it gives."""
    secret = b"a secret of this tenant, 32 bytes"
    task = new_conversation_id(secret, "task-7")
    rules = RecognitionRules(status_keywords={"accepted": "Accepted"}, conversation_secrets=(secret,))
    async with Mailport(discover=False) as mail:
        findings = mail.recognise(compose(subject=f"RE: Order [Ref:{task}]", text="Accepted\n"), rules)
    assert findings["keyword"].status == "Accepted"
    assert task in str(findings["conversation"])
