"""The corpus of difficult messages: read without an error, in bounded time, with the bytes as they came."""

import time

import pytest

from mailport import Message
from tests.corpus import cases

CASES = list(cases())


def seen(message, name):
    """What reading gave, in the form in which the corpus says it."""
    value = getattr(message, {"files": "attachments", "content_ids": "attachments"}.get(name, name))
    if name == "files":
        return [(file.filename, file.content) for file in value]
    if name == "content_ids":
        return [file.content_id for file in value]
    return [address.mailbox for address in value] if name in ("to", "cc", "bcc", "reply_to") else value


def test_there_are_enough_messages():
    """A corpus of a few hundred, none of them twice."""
    assert len(CASES) >= 300
    assert len({case.raw for case in CASES}) >= 0.97 * len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_difficult_message_is_read(case):
    """What can be read is read."""
    message = Message.read(case.raw)
    assert {name: seen(message, name) for name in case.reads} == dict(case.reads), case.about


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_difficult_message_keeps_its_bytes(case):  # SEC-07
    """Reading everything takes less than a second a megabyte, gives text that can be stored, and changes no byte."""
    started = time.process_time()
    message = Message.read(case.raw)
    texts = [message.text, message.html, message.subject, *(value for pair in message.headers for value in pair)]
    texts += [text for file in message.attachments for text in (file.filename, file.content_type, file.content_id or "")]
    assert time.process_time() - started < 1 + len(case.raw) / 1e6
    assert "".join(texts).encode().count(b"\0") == 0
    assert message.to_bytes(keep_bcc=True) == case.raw
    assert message.replace(envelope_to=("z@example.org",)).to_bytes(keep_bcc=True) == case.raw
