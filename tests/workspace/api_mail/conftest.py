"""The API of a workspace with two tenants, and mails to look at."""

import mailbox
from datetime import UTC, datetime

import pytest

from mailport import Attachment, Message
from mailport_workspace.tables import JournalEntry, MailDirection, Outcome, RawMessage, new_id, now
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


class Post:
    """The inbox “Desk” of tenant One, on a folder of this machine, and the work of a worker on it."""

    def __init__(self, workspace, client, folder):
        self._workspace, self._client = workspace, client
        self._folder = mailbox.Maildir(folder, create=True)
        self.id = ""

    async def open(self, **more):
        """Make the inbox over the API; who writes from example.org may have records."""
        account = {"protocol": "maildir", "authentication": "none", "directory": "desk", "user_name": "desk@example.org"}
        made = await self._client.post("/inboxes", json=account | {"name": "Desk", "address": "desk@example.org"} | more)
        assert made.status_code == 201, made.text
        self.id = made.json()["id"]
        known = {"link_person": True, "permitted_domains": ["example.org"]}
        changed = await self._client.patch(f"/inboxes/{self.id}", json=known, headers={"If-Match": "*"})
        assert changed.status_code == 200, changed.text

    async def deliver(self, message=None, **more):
        """Put a mail into the folder and let the inbox be polled; return its id in the journal."""
        message = message or a_message(**more)
        self._folder.add(message.to_bytes())
        await self.poll()
        found = await self._client.get("/journal", params={"message_id": message.message_id, "direction": "incoming"})
        (mail,) = found.json()["items"]
        return mail["id"]

    async def poll(self):
        """Poll whatever the time is."""
        async with self._workspace.store.operate() as rows:
            tenants = [tenant.id for tenant in await rows.tenants()]
        for tenant in tenants:
            async with self._workspace.store.write(tenant) as rows:
                for inbox in await rows.inboxes():
                    inbox.next_poll_at = now()
        async with self._workspace.store.survey() as rows:
            shards = await rows.due_shards(now())
        for shard in shards:
            await self._workspace.poller.poll_shard(str(shard))

    async def work(self, tenant):
        """Work off the queues."""
        await self._workspace.intake.work(tenant)


@pytest.fixture
async def post(workspace, people, tmp_path):
    """Tenant One's inbox, read by hand."""
    post = Post(workspace, people.ann, tmp_path / "mail" / "desk")
    await post.open(enabled=True)
    return post
