"""The transport against npm's emulate: a Gmail that we did not write.

Its gaps: it has no profile, so Test Connection has nothing to ask; it finds no ``rfc822msgid:``; its history never expires;
an upload has to be UTF-8.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from mailport.host import Mailport
from mailport.message import Attachment, Message
from mailport.transport import Action, Cursor
from tests.peers.emulate import serve_emulate
from tests.peers.pki import Pki
from tests.plugins.google.conftest import Google

pytestmark = pytest.mark.slow


@pytest.fixture
def emulate(google: Google, pki: Pki) -> Iterator[dict[str, Any]]:
    """The settings that differ: the API of emulate, with tokens of our own endpoint."""
    with serve_emulate(google.user, pki.server_context()) as url:
        yield {"api_url": url}


def mail(google: Google, subject: str, **more: Any) -> Message:
    return Message.compose(sender=google.user, to=google.user, subject=subject, text="Grüße.\n", **more)


async def insert(host: Mailport, google: Google, emulate: dict[str, Any], subject: str) -> Message:
    """Bring a message into the mailbox: emulate files what is sent to oneself in the inbox as well."""
    message = mail(google, subject)
    assert (await host.submit(message, google.account(**emulate))).accepted
    return message


async def test_sent_mail_is_there_byte_for_byte(google: Google, emulate: dict[str, Any]) -> None:
    """What was sent, 8-bit bytes and big attachments too, lies in Sent as the same bytes, and is found."""
    big = mail(google, "Big", attachments=[Attachment(filename="x.bin", content=bytes(range(256)) * 4000)])
    big = Message.read(big.to_bytes())
    odd = Message.read(f"From: {google.user}\r\nTo: {google.user}\r\nSUBJECT:  odd\r\n\r\nGrüße \r\n\r\n".encode())
    sending, reading = google.account(**emulate, read_sent_mail=True), google.account("incoming", **emulate, folder="SENT")
    async with Mailport() as host:
        for message in (big, odd):
            assert (await host.submit(message, sending)).accepted
        assert await host.find(big.message_id, sending) is True
        assert await host.find("<unknown@example.org>", sending) is False
        async with host.poll(reading) as round_:
            raws = [await delivery.read() async for delivery in round_]
    assert sorted(raws) == sorted([big.to_bytes(), odd.to_bytes()])


async def test_a_label_is_read_by_list_and_history(google: Google, emulate: dict[str, Any]) -> None:
    """A first round lists, later ones follow the history, and nothing comes twice."""
    reading = google.account("incoming", **emulate, folder="SENT")
    seen: list[str] = []
    cursor: Cursor = None
    async with Mailport() as host:
        for subject in ("One", "Two", "Three"):
            await insert(host, google, emulate, subject)
            async with host.poll(reading, cursor) as round_:
                seen += [(await delivery.message()).subject async for delivery in round_]
                cursor = round_.cursor
    assert seen == ["One", "Two", "Three"]


@pytest.mark.parametrize("action", ["read", "move:Archive/2026", "delete"])
async def test_actions_change_labels(google: Google, emulate: dict[str, Any], action: str) -> None:
    """Marking, moving to a label that is missing, and the trash work, a second time as well."""
    reading = google.account("incoming", **emulate, folder="SENT")
    async with Mailport() as host:
        await insert(host, google, emulate, "One")
        for _ in range(2):
            async with host.poll(reading) as round_:
                deliveries = [delivery async for delivery in round_] if not _ else deliveries  # noqa: F821
                assert all(answer.done for answer in await round_.acknowledge(Action.parse(action), deliveries))
        async with host.poll(reading) as round_:
            left = [delivery async for delivery in round_]
    assert len(left) == (1 if action == "read" else 0)
