"""Generated messages: structures with broken pieces, and broken bytes of structures.

``MAILPORT_FUZZ_SECONDS`` says how long the slow run takes: 20 unless told, 600 for the long one.
"""

import os
import time
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from mailport import Message
from mailport.address import Address
from mailport.reading.parts import leaves
from tests.corpus.grammar import MESSAGES, damaged

SECONDS = int(os.environ.get("MAILPORT_FUZZ_SECONDS", "20"))


def check(raw):
    """What must hold of any bytes: read without an error, as text that can be stored, in places that are theirs."""
    message = Message.read(raw)
    texts = [
        message.text,
        message.html,
        message.subject,
        message.message_id,
        *(text for pair in message.headers for text in pair),
    ]
    texts += [text for file in message.attachments for text in (file.filename, file.content_type, file.content_id or "")]
    assert "\0" not in "".join(texts).encode().decode()
    assert not any(sign in file.filename for file in message.attachments for sign in "/\\\r\n\u202e")
    for address in (*message.to, *message.cc, *message.bcc, *message.reply_to, *([message.sender] if message.sender else [])):
        assert Address(str(address.mailbox), address.display_name) == address
        address.mailbox.encode()
    assert message.to_bytes(keep_bcc=True) == raw
    places = [(part.body, part.stop) for part in leaves(raw)]
    assert places == sorted(places)
    assert all(0 <= start <= stop <= len(raw) for start, stop in places)


@settings(deadline=timedelta(seconds=2), suppress_health_check=list(HealthCheck))
@given(MESSAGES | damaged() | st.binary(max_size=200))
def test_generated_messages_are_read(raw):
    """A hundred of every kind in each run."""
    check(raw)


@settings(deadline=None)
@given(MESSAGES)
def test_a_message_attached_to_another_is_read_as_on_its_own(raw):
    """Its bytes are those that were attached, whatever they are."""
    outer = b"Content-Type: multipart/mixed; boundary=outermost\n\n--outermost\nContent-Type: message/rfc822\n\n"
    (file,) = Message.read(outer + raw + b"\r\n--outermost--\n").attachments
    assert file.content == raw
    assert Message.read(file.content).replace(envelope_to=()) == Message.read(raw).replace(envelope_to=())


@pytest.mark.slow
def test_fuzzing():
    """New messages until the time is over; the one that fails is printed by its bytes."""
    ends = time.monotonic() + SECONDS
    read = 0

    @settings(max_examples=1000, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(MESSAGES | damaged())
    def some(raw):
        nonlocal read
        started = time.process_time()
        check(raw)
        assert time.process_time() - started < 2
        read += 1

    while time.monotonic() < ends:
        some()
    assert read >= min(SECONDS, 20) * 5
