"""Services without an envelope: what headers can say is said in them, the rest is refused."""

import pytest

from mailport.account import Account, validate
from mailport.envelope import addressed, chunks_with_bcc, hidden
from mailport.errors import UnsupportedFeature
from mailport.fields import Direction
from mailport.message import Message
from mailport.testing.memory.fields import protocol

ANN, BOB, EVE = "ann@example.org", "bob@example.org", "eve@bücher.example"


@pytest.fixture
def account() -> Account:
    return validate(protocol(), Direction.OUTGOING, {"user_name": "me@example.org", "password": "sample"})


def bytes_of(message: Message) -> bytes:
    return b"".join(chunks_with_bcc(message))


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_hidden_recipients_stand_in_front(end: str) -> None:
    """Whoever is in the envelope alone gets a Bcc header with the message's own line ends; nothing else changes."""
    raw = f"To: {ANN}{end}From: me@example.org{end}{end}Gr\xfc\xdfe{end}".encode("latin-1")
    message = Message.read(raw).replace(envelope_to=(ANN.upper(), BOB, EVE))
    assert hidden(message) == (BOB, EVE)
    assert bytes_of(message) == f"Bcc: {BOB},{end} eve@xn--bcher-kva.example{end}".encode() + raw


def test_no_other_blind_copy_is_left() -> None:
    """A Bcc of the original counts unless an envelope is given, and no header of an earlier blind copy leaves."""
    raw = f"Resent-Bcc: {EVE}\r\nBcc: {BOB}\r\nTo: {ANN}\r\nFrom: me@example.org\r\n\r\nHello\r\n".encode()
    rest = raw.partition(b"To:")[2]
    assert bytes_of(Message.read(raw)) == f"Bcc: {BOB}\r\nTo:".encode() + rest
    assert bytes_of(Message.read(raw).replace(envelope_to=(ANN,))) == b"To:" + rest


@pytest.mark.parametrize(
    ("envelope", "field"),
    [
        ({"envelope_to": (BOB,)}, "envelope_to"),
        ({"envelope_from": ""}, "envelope_from"),
        ({"envelope_from": "bounce+1@example.org"}, "envelope_from"),
    ],
)
def test_what_headers_cannot_say_is_refused(account: Account, envelope: dict[str, object], field: str) -> None:
    """Leaving out somebody in To, or another return path than the mailbox, is no matter of headers."""
    message = Message.compose(sender="me@example.org", to=ANN, text="Hello.\n")
    with pytest.raises(UnsupportedFeature) as caught:
        addressed(message.replace(**envelope), account)
    assert (caught.value.code, caught.value.field) == ("send.envelope", field)


def test_the_mailbox_is_the_sender_of_a_message_without_one(account: Account) -> None:
    """A message without From is sent as User Name, and may name it as its return path."""
    message = addressed(Message.compose(to=ANN, text="Hello.\n").replace(envelope_from="Me@example.org"), account)
    assert str(message.sender) == "me@example.org"
