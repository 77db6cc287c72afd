"""A reply finds its conversation: the id leaves where the account says, and comes back through every client."""

import base64
import quopri
import time
from html import escape

import pytest

from mailport import Mailport, Message, RecognitionRules
from mailport.policies.conversation import AttachConversationId
from mailport.policies.conversation_ids import new_conversation_id
from mailport.policies.threads import ConversationRecogniser

SECRET = b"k" * 32
ID, OTHER_ID = new_conversation_id(SECRET, "INC42"), new_conversation_id(SECRET, "INC7")
RULES = RecognitionRules(conversation_secrets=(SECRET,), own_addresses=("desk@example.org",))
HTML = "<html><body><p>Please answer.</p></body></html>"


def mail_with(**more):
    usual = {"sender": "desk@example.org", "to": "ann@example.test", "subject": "Printer", "text": "Please answer.\n"}
    return Message.compose(**(usual | {"conversation_id": ID} | more))


def conversation(**more):
    sent = {"sender": "ann@example.test", "to": "desk@example.org", "subject": "Re: Printer"} | more
    return ConversationRecogniser().recognise(Message.read(Message.compose(**sent).to_bytes()), RULES)


@pytest.fixture
async def attached(mail, values):
    """Apply the policy to a message, with rules."""

    def apply(message, **rules):
        account = mail.account(values | {"attach_conversation_id": True} | rules)
        once = AttachConversationId().apply(message, account)
        assert AttachConversationId().apply(once, account) is once
        return once

    return apply


async def test_without_the_rule_no_id_leaves(attached):  # SND-16
    """Neither the message's own, nor one that a reply's subject took over."""
    message = attached(mail_with(subject=f"Re: Printer [Ref:{ID}]", html=HTML), attach_conversation_id=False)
    assert ID not in str(message.to_bytes())
    assert message.subject == "Re: Printer"


async def test_an_id_in_the_subject(mail, memory, values):  # SND-17 SND-18
    """It is in the subject and nowhere else, and starts with the prefix."""
    account = mail.account(values | {"attach_conversation_id": True, "conversation_id_prefix": "Case "})
    await mail.submit(mail_with(subject=f"Re: Printer [Ref:{ID}]", html=HTML), account)
    back = Message.read(memory.accepted[0].raw)
    assert back.subject == f"Re: Printer [Case {ID}]"
    assert ID not in back.text + back.html


@pytest.mark.parametrize(("style", "mark"), [("footer", "<p>Ref:{}</p>"), ("quiet", "<!-- Ref:{} -->")])
async def test_an_id_in_the_body(attached, style, mark):  # SND-17 SND-18
    """It is a line of the plain text, in HTML a line or a comment, and not in the subject."""
    rules = {"conversation_id_location": "body", "conversation_id_style": style}
    message = attached(mail_with(subject=f"Printer [Old:{ID}]", html=HTML), **rules)
    assert message.subject == "Printer"
    assert message.text == f"Please answer.\n\nRef:{ID}\n"
    assert message.html == f"<html><body><p>Please answer.</p>{mark.format(ID)}</body></html>"


async def test_a_message_of_html_only_gets_a_text(attached):
    """The text says what the HTML says."""
    message = attached(mail_with(text="", html=HTML), conversation_id_location="body")
    assert message.text == f"Please answer.\n\nRef:{ID}\n"


async def test_the_id_stands_above_signature_and_history(attached):
    """Clients cut both off in a reply; the history of a mail that is no reply is none."""
    text = "Yes.\n\n-- \nDesk\n\nOn Tue, 24 Nov 2026, Ann <ann@example.test> wrote:\n> Broken?\n"
    message = attached(mail_with(text=text, in_reply_to="<1@x>"), conversation_id_location="body")
    assert message.text.startswith(f"Yes.\n\nRef:{ID}\n\n-- \nDesk\n")
    top = attached(mail_with(text=text.replace("\n-- \nDesk\n", ""), in_reply_to="<1@x>"), conversation_id_location="body")
    assert top.text.startswith(f"Yes.\n\nRef:{ID}\n\nOn Tue")


async def test_a_message_without_an_id_and_a_signed_one_leave_as_they_are(attached):
    """The first begins no conversation, the signature of the second would break."""
    plain = mail_with(conversation_id="")
    assert attached(plain) is plain
    raw = plain.to_bytes().replace(b"text/plain", b"multipart/signed; boundary=b")
    signed = Message.read(raw).replace(envelope_to=("ann@example.test",))
    assert attached(signed, conversation_id_location="body") is signed


@pytest.mark.parametrize("prefix", ["Re: ", "AW: ", "SV: ", "RE: AW: ", "Odp.: ", "回复\uff1a", "Fwd: [EXT] ", "Ré : "])
@pytest.mark.parametrize("fold", ["", "\r\n\t"])
def test_an_id_in_the_subject_of_a_reply(prefix, fold):  # SND-20
    """Whatever the client put before it, folded or encoded anew."""
    subject = f"{prefix}Printer {fold}[Ref:{ID}]".encode()
    for raw in (subject, b"=?utf-8?b?" + base64.b64encode(subject.replace(fold.encode(), b"")) + b"?="):
        found = ConversationRecogniser().recognise(Message.read(b"Subject: " + raw + b"\r\n\r\nYes."), RULES)
        assert (found.id, found.reference, found.reason) == (ID, "INC42", "conversation id in the subject")


ATTRIBUTION = "On Tue, 24 Nov 2026 at 10:00, Desk <desk@example.org> wrote:"
OUTLOOK = "From: Desk <desk@example.org>\nSent: Tuesday, 24 November 2026 10:00\nTo: ann@example.test\nSubject: Printer\n"
REPLIES = {
    "marked": {"text": f"Yes.\n\n{ATTRIBUTION}\n> Please answer.\n>\n> Ref:{ID}\n"},
    "below": {"text": f"{ATTRIBUTION}\n> Please answer.\n>\n> Ref:{ID}\n\nYes."},
    "german": {"text": f"Ja.\n\nAm 24.11.2026 um 10:00 schrieb Desk <desk@example.org>:\n> Ref:{ID}\n"},
    "outlook": {"text": f"Yes.\n\n{OUTLOOK}\nPlease answer.\n\nRef:{ID}\n"},
    "outlook with a divider": {"text": f"Yes.\n\n-----Original Message-----\n{OUTLOOK}\nPlease answer.\n\nRef:{ID}\n"},
    "typed": {"text": f"About Ref:{ID}: yes."},
    "gmail": {
        "html": f'<div dir="ltr">Yes.</div><div class="gmail_quote"><div class="gmail_attr">{escape(ATTRIBUTION)}</div>'
        f"<blockquote><p>Please answer.</p><p>Ref:{ID}</p></blockquote></div>"
    },
    "outlook html": {
        "html": f"<p>Yes.</p><div><p><b>From:</b> Desk &lt;desk@example.org&gt;<br><b>Sent:</b> Tuesday, 24 November 2026<br>"
        f"<b>To:</b> Ann<br><b>Subject:</b> Printer</p></div><p>Please answer.</p><p><span>Ref:</span><span>{ID}</span></p>"
    },
    "a comment that survived": {"html": f"<p>Yes.</p><!-- Ref:{ID} -->"},
    "the text was lost": {"text": "Yes.", "html": f"<p>Yes.</p><blockquote>Ref:&nbsp;{ID}</blockquote>"},
}


@pytest.mark.parametrize("body", REPLIES.values(), ids=REPLIES)
def test_an_id_in_the_body_of_a_reply(body):  # SND-20
    """Typed, quoted with marks or below a header, in HTML only."""
    found = conversation(**body)
    assert (found.id, found.reference) == (ID, "INC42")


def test_an_id_survives_quoted_printable():
    """An encoded body is decoded first, one that was encoded twice is read through."""
    body = quopri.encodestring(f"Ja, schön. {'x' * 50} Ref:{ID}".encode())
    head = b"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n"
    for encoded in (body, quopri.encodestring(body)):
        assert ConversationRecogniser().recognise(Message.read(head + encoded), RULES).id == ID


FOREIGN = "On Tue, 24 Nov 2026 at 10:00, Carol <carol@example.test> wrote:"
QUOTED = {
    "somebody else's mail": f"Look.\n\n{FOREIGN}\n> I once had this: Ref:{OTHER_ID}\n",
    "ours inside somebody else's": f"Look.\n\n{FOREIGN}\n> See below.\n>\n> {ATTRIBUTION}\n>> Please.\n>> Ref:{OTHER_ID}\n",
    "an earlier one inside ours": f"Look.\n\n{ATTRIBUTION}\n> No.\n>\n> {FOREIGN}\n>> Ref:{OTHER_ID}\n",
    "outlook": f"Look.\n\n{OUTLOOK.replace('Desk <desk@example.org>', 'Carol <carol@example.test>')}\nRef:{OTHER_ID}\n",
}


@pytest.mark.parametrize("text", QUOTED.values(), ids=QUOTED)
def test_an_id_in_somebody_elses_conversation_is_not_ours_to_follow(text):
    """Only what was written, and the mail of ours that was answered, say where a mail belongs."""
    assert conversation(text=text) is None


async def test_another_tenants_id_says_nothing(compose):
    """Its signature is not ours."""
    foreign = new_conversation_id(b"f" * 32)
    async with Mailport(discover=False) as mail:
        assert "conversation" not in mail.recognise(compose(subject=f"Re: [Ref:{foreign}]"), RULES)


def test_the_answered_mails_are_named_nearest_first():  # MAT-11
    """In-Reply-To and References tie a mail to earlier ones where no id does."""
    found = conversation(text="Yes.", in_reply_to="<3@x>", references=("<1@x>", "<2@x>", "<3@x>"))
    assert (found.id, found.message_ids) == ("", ("<3@x>", "<2@x>", "<1@x>"))


HOSTILE = {
    "a tag without an end": {"html": "<" + "a" * 1_000_000},
    "comments without an end": {"html": "<!--" * 250_000},
    "a header without an end": {"text": f"Yes.\n\n{OUTLOOK}{'x' * 900_000}\n\nRef:{ID}"},
    "deep quotes": {"html": "<blockquote>" * 80_000 + f"Ref:{ID}"},
    "many marks": {"text": "Yes.\n\n" + ">" * 500_000 + f"\n> Ref:{ID}"},
    "many ids": {"text": f"{ID}\n" * 30_000},
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_looking_for_an_id_takes_no_longer_than_the_mail(body):  # SEC-07
    """A megabyte takes a few seconds at most, whatever is in it."""
    message = Message.compose(**body)
    started = time.perf_counter()
    ConversationRecogniser().recognise(message, RULES)
    assert time.perf_counter() - started < 5
