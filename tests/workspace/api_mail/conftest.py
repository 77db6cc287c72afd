"""The API of a workspace with two tenants, and mails to look at."""

from datetime import UTC, datetime

import pytest

from mailport import Attachment, Message
from mailport_workspace.tables import JournalEntry, MailDirection, Outcome, RawMessage, new_id
from tests.workspace.api.conftest import ann, bob, people, visit, workspace, zoe

__all__ = ["ann", "bob", "people", "visit", "workspace", "zoe"]

HTML = '<p onclick="x()">Hello<script>alert(1)</script><img src="https://tracker.example.test/x.gif"><img src="cid:logo"></p>'


def a_message(**more):
    """A mail with an image that the HTML shows, and a web page as attachment."""
    attachments = [
        Attachment(filename="logo.png", content=b"\x89PNG", content_type="image/png", content_id="logo", inline=True),
        Attachment(filename="page.html", content=b"<script>alert(1)</script>", content_type="text/html"),
    ]
    given = {"sender": "Ann <ann@example.org>", "to": "desk@example.org", "subject": "Printer", "text": "Hello", "html": HTML}
    return Message.compose(**given | {"attachments": attachments} | more)


@pytest.fixture
def stored(workspace):
    """Store a received mail as the intake does; return its entry of the journal."""

    async def stored(tenant, message=None, **more):
        message = message or a_message()
        content = message.to_bytes()
        raw = RawMessage(id=new_id(), content=content, size=len(content), sha256="0" * 64)
        facts = {
            "id": new_id(),
            "direction": MailDirection.INCOMING,
            "message_id": message.message_id,
            "sender": str(message.sender.mailbox),
            "recipients": list(message.recipients),
            "subject": message.subject,
            "inbox_name": "Desk",
            "outcome": Outcome.RECEIVED,
            "raw_id": raw.id,
            "size": len(content),
            "created_at": datetime.now(UTC),
        }
        entry = JournalEntry(**facts | more)
        async with workspace.store.write(tenant) as rows:
            await rows.add(raw, entry)
        return entry

    return stored


@pytest.fixture
def outgoing(workspace):
    """Give a tenant an outgoing account; by default one that nobody listens for."""

    async def outgoing(actor, **more):
        form = {
            "protocol": "smtp",
            "authentication": "none",
            "host": "127.0.0.1",
            "port": 9,
            "use_ssl_tls": "none",
            "user_name": "desk@example.org",
        }
        await workspace.configurations.save(actor, form | more)

    return outgoing
