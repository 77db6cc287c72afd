"""Automatic mail says that it is, and its host need not know how."""

import pytest

from mailport import AutoSubmitted, Message, RecognitionRules
from mailport.policies.automatic import AutomaticKind, AutomaticRecogniser
from mailport.policies.marking import MarkAutomatic


@pytest.mark.parametrize("kind", AutoSubmitted)
async def test_automatic_mail_leaves_marked(mail, memory, outgoing, compose, kind):
    """RFC 3834's header, that of Exchange, and our own against loops; bounces are still wanted."""
    await mail.submit(compose(automatic=kind, headers=(("auto-submitted", "no"), ("X-Note", "kept"))), outgoing)
    back = Message.read(memory.accepted[0].raw)
    assert [value for name, value in back.headers if name.lower() == "auto-submitted"] == [kind.value]
    assert back.header("X-Auto-Response-Suppress") == "DR, RN, NRN, OOF, AutoReply"
    assert (back.header("X-Loop"), back.header("X-Note")) == ("ann@example.org", "kept")


async def test_a_persons_mail_leaves_unmarked(mail, memory, outgoing, compose):
    """Its answers are wanted."""
    await mail.submit(compose(), outgoing)
    assert b"Auto" not in memory.accepted[0].raw
    assert b"X-Loop" not in memory.accepted[0].raw


async def test_marking_twice_equals_once(outgoing, compose):
    """A host may send the stored message again."""
    once = MarkAutomatic().apply(compose(automatic=AutoSubmitted.GENERATED), outgoing)
    assert MarkAutomatic().apply(once, outgoing) is once


async def test_our_own_mail_is_recognised_when_it_comes_back(outgoing, compose):
    """By X-Loop, which no relay drops."""
    marked = MarkAutomatic().apply(compose(automatic=AutoSubmitted.REPLIED), outgoing)
    raw = marked.to_bytes().replace(b"Auto-Submitted: auto-replied\r\n", b"")
    found = AutomaticRecogniser().recognise(Message.read(raw), RecognitionRules(own_addresses=("ann@example.org",)))
    assert found.kind is AutomaticKind.LOOP
