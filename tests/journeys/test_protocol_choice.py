"""What an administrator can choose as Mail Protocol."""

from mailport import Direction, Mailport
from mailport.testing.memory import MemoryMail, MemoryPlugin


def offered(direction, *plugins):
    """The choices of Mail Protocol, as a form shows them."""
    found = [protocol for protocol in Mailport(plugins=plugins).protocols() if direction in protocol.directions]
    return [f"{protocol.title} (local)" if protocol.capabilities.local else protocol.title for protocol in found]


OUT_OF_THE_BOX = ["Exchange Web Services", "Google Service Account", "Maildir (local)", "Microsoft Graph", "SMTP"]


def test_the_protocols_out_of_the_box():  # OUT-01
    """The four of the reference, and a local Maildir that is marked as such."""
    assert offered(Direction.OUTGOING) == OUT_OF_THE_BOX


def test_a_further_transport_appears_by_itself():  # OUT-01 PLG-01
    """Nothing but its own package names it, and it stands among the others."""
    offers = offered(Direction.OUTGOING, MemoryPlugin(MemoryMail()))
    assert sorted(set(offers) - set(OUT_OF_THE_BOX)) == [MemoryPlugin(MemoryMail()).mailport_fields()[0].title + " (local)"]
    assert set(OUT_OF_THE_BOX) < set(offers)


def test_the_protocols_of_an_inbox():  # INB-01
    """An inbox is read by IMAP or POP3, or by what also sends."""
    assert offered(Direction.INCOMING) == [*OUT_OF_THE_BOX[:2], "IMAP", *OUT_OF_THE_BOX[2:4], "POP3"]
