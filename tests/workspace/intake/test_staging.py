"""Staging: nothing is lost, nothing comes twice, and one bad message delays nobody."""

from dataclasses import replace

import pytest

from mailport import Mailport, hookspecs
from mailport.errors import ConfigurationError, Refused, Unreachable
from mailport.testing.memory.plugin import MemoryPlugin
from mailport.testing.memory.receiver import MemoryReceiver
from mailport_workspace.tables import Outcome
from tests.workspace.intake.conftest import DESK, mail


class SpoiltReceiver(MemoryReceiver):
    """Tells no sizes, counts the bytes that are read, and breaks at messages that its system names."""

    def _delivery(self, stored, epoch):
        return replace(super()._delivery(stored, epoch), size=None)

    async def _load(self, key):
        broken = self._mail.broken.get(int(key.partition("/")[2]))
        if broken is not None:
            raise broken
        async for chunk in super()._load(key):
            self._mail.bytes_read += len(chunk)
            yield chunk


class SpoiltPlugin(MemoryPlugin):
    """The memory protocol with that receiver."""

    @hookspecs.hookimpl
    def mailport_receive(self, account, services):
        return SpoiltReceiver(account, self.mail, self.protocol.capabilities)


@pytest.fixture
def mailport(system, tmp_path):
    """The library with the memory protocol spoilt."""
    system.broken, system.bytes_read = {}, 0
    return Mailport(plugins=[SpoiltPlugin(system)], local_root=tmp_path, allow_legacy_tls=True)


async def test_the_same_message_is_stored_once(post):  # INB-23
    """A mailbox that lists it again, also under another key after it was rebuilt, makes no second record of it."""
    inbox = await post.inbox(post_processing="leave")
    post.box().add(mail("Printer"))
    await post.poll()
    post.box().epoch += 1  # all keys and the cursor are void: the whole mailbox is listed anew
    post.box().add(mail("Scanner"))
    post.clock.forward(seconds=60)
    await post.poll()
    assert (post.clerk.seen, await post.outcomes()) == (["Printer", "Scanner"], ["created", "duplicate", "created"])
    assert (await post.cursor(inbox))["epoch"] == 2


async def test_a_copy_in_another_inbox_makes_no_second_record(post):
    """It is filed like the first, its history names the first one; a mail with the same words and another id is another."""
    await post.inbox()
    await post.inbox("sales@example.test")
    raw = mail("Printer", message_id="<one@customer.example.org>")
    for address in (DESK, "sales@example.test"):
        post.box(address).add(raw)
        await post.poll()
        post.clock.forward(seconds=60)
    post.box().add(mail("Printer", message_id="<two@customer.example.org>"))
    await post.poll()
    assert await post.outcomes() == ["created", "duplicate", "created"]
    async with post.store.read(post.tenant) as rows:
        first, copy = sorted(await rows.journal(), key=lambda entry: entry.id)[:2]
    assert (copy.related_id, post.subjects("Archive", "sales@example.test")) == (first.id, ["Printer"])


async def test_what_failed_before_may_come_again(post):
    """A mail that was put back into the mailbox after its failure is no copy of anything that was dealt with."""
    await post.inbox()
    await post.queues.save(post.actor, {"queue": "incoming", "attempts": 1})

    async def fail(_received):
        raise RuntimeError("not today")

    post.clerk.does["Printer"] = fail
    raw = mail("Printer")
    post.box().add(raw)
    await post.poll()
    post.clerk.does.clear()
    post.box().add(raw)
    post.clock.forward(seconds=60)
    await post.poll()
    assert await post.outcomes() == ["failed", "created"]


async def test_a_message_that_is_too_large_is_listed_and_stays(post):
    """Where the server tells no size, reading ends as soon as the limit is passed; a person raises it and lets it be read."""
    await post.world.configurations.save(post.actor, {"max_message_size": 100_000})
    await post.inbox()
    post.box().add(mail("Large", size=1_000_000))
    post.box().add(mail("Small"))
    await post.poll()
    assert (post.system.bytes_read < 300_000, post.subjects(), post.subjects("Archive")) == (True, ["Large"], ["Small"])
    ((held, journal),) = await post.quarantine.list(post.actor)
    assert (held.code, journal.outcome, "stays in the mailbox" in held.reason) == ("read.too_large", Outcome.TOO_LARGE, True)
    await post.world.configurations.save(post.actor, {"max_message_size": 5_000_000})
    await post.quarantine.replay(post.actor, journal.id)
    await post.poll()
    assert (await post.outcomes(), post.subjects("Archive")) == (["created", "created"], ["Small", "Large"])
    assert await post.quarantine.list(post.actor) == []


async def test_a_size_that_the_server_tells_is_believed(post, monkeypatch):
    """A message above the limit is not read at all, and not released before the limit is raised."""
    monkeypatch.setattr(SpoiltReceiver, "_delivery", MemoryReceiver._delivery)
    await post.world.configurations.save(post.actor, {"max_message_size": 100_000})
    await post.inbox()
    post.box().add(mail("Large", size=1_000_000))
    await post.poll()
    ((held, journal),) = await post.quarantine.list(post.actor)
    assert (post.system.bytes_read, journal.size > 1_000_000) == (0, True)
    with pytest.raises(ConfigurationError) as refused:
        await post.quarantine.release(post.actor, held.journal_id)
    assert (refused.value.code, refused.value.field) == ("mail.too_large", "max_message_size")


@pytest.mark.parametrize("error", [Refused("It is damaged.", code="read.damaged"), Unreachable("Cut.", code="read.cut")])
async def test_one_bad_message_delays_the_others_by_one_attempt_at_most(post, error):  # REL-04
    """It is tried last from then on, ends in quarantine, and is read when a person asks for it and its cause is mended."""
    await post.inbox()
    for subject in ("Good", "Bad", "Better"):
        stored = post.box().add(mail(subject))
        if subject == "Bad":
            post.system.broken[stored.uid] = error
    for _ in range(2):
        await post.poll()
        post.clock.forward(seconds=61)
        await post.work()
    assert sorted(post.clerk.seen) == ["Better", "Good"]
    for _ in range(6):
        await post.poll()
        post.clock.forward(seconds=900)
    ((held, _),) = await post.quarantine.list(post.actor)
    assert (held.code, post.subjects(), sorted(post.clerk.seen)) == (error.code, ["Bad"], ["Better", "Good"])
    post.system.broken.clear()
    await post.quarantine.replay(post.actor, held.journal_id)
    await post.poll()
    assert (post.subjects(), len(await post.outcomes())) == ([], 3)


async def test_the_cursor_never_passes_a_message_that_is_not_stored(post):
    """While one message cannot be read, the cursor stands before it; when it was read, the cursor is behind all."""
    inbox = await post.inbox(post_processing="leave")
    post.box().add(mail("Good"))
    bad = post.box().add(mail("Bad"))
    last = post.box().add(mail("Better"))
    post.system.broken[bad.uid] = Refused("It is damaged.", code="read.damaged")
    await post.poll()
    assert (await post.cursor(inbox))["uid"] == bad.uid - 1
    post.system.broken.clear()
    post.clock.forward(seconds=60)
    await post.poll()
    assert ((await post.cursor(inbox))["uid"], sorted(post.clerk.seen)) == (last.uid, ["Bad", "Better", "Good"])


async def test_a_message_that_leaves_before_it_could_be_read_holds_nothing_back(post):
    """Its history ends, and the cursor goes on."""
    inbox = await post.inbox(post_processing="leave")
    bad = post.box().add(mail("Bad"))
    last = post.box().add(mail("Good"))
    post.system.broken[bad.uid] = Refused("It is damaged.", code="read.damaged")
    await post.poll()
    post.box().remove(bad.uid)
    post.clock.forward(seconds=60)
    await post.poll()
    assert (await post.outcomes(), (await post.cursor(inbox))["uid"]) == (["deleted", "created"], last.uid)


async def test_bytes_that_no_database_can_keep_as_text_come_through(post):
    """NUL and broken characters in headers hinder neither the history nor the bytes."""
    await post.inbox()
    raw = b"From: a@example.org\r\nSubject: a\0b \xff\xfe =?utf-8?b?7aCA?=\r\nMessage-ID: <\0@x>\r\n\r\nx\r\n"
    post.box().add(raw)
    await post.poll()
    async with post.store.read(post.tenant) as rows:
        (entry,) = await rows.journal()
        assert bytes((await rows.raw_message(entry.raw_id)).content) == raw
    assert "\0" not in entry.subject + entry.message_id


async def test_a_mail_is_traced_by_one_id(post):  # LOG-02
    """The id of its history stands with its bytes, its queue entry, every step, and what others are told."""
    await post.listen()
    await post.inbox()
    post.box().add(mail("Printer"))
    await post.poll()
    (journal,) = (await post.journal()).values()
    assert [step.step for step in await post.steps(journal.id)] == ["stored", "filed"]
    async with post.store.read(post.tenant) as rows:
        (webhook,) = await rows.webhooks()
        (delivery,) = await rows.deliveries(webhook.id, after=None, limit=10)
        entry = await rows.intake_entry(journal.id)
    assert (delivery.payload["journal_id"], entry.journal_id, journal.raw_id is not None) == (journal.id, journal.id, True)
