"""Filing: what mailboxes do with messages, after what makes them count; on real servers too."""

import asyncio

import pytest

from mailport.errors import PermissionDenied
from mailport.testing.memory.receiver import MemoryReceiver
from mailport_workspace.intake.verdict import Mailbox, Verdict
from mailport_workspace.tables import Outcome
from tests.workspace.intake.conftest import mail

CREATED, FAILED = Verdict(outcome=Outcome.CREATED), Verdict(outcome=Outcome.FAILED, mailbox=Mailbox.FAILURE, last_error="No.")


def _server_form(mailbox, protocol, **more):
    form = {"protocol": protocol, "host": mailbox.server.host, "port": getattr(mailbox.server, protocol)}
    form |= {"authentication": "auth_login", "use_ssl_tls": "none", "password": mailbox.password, "user_name": mailbox.address}
    return {"name": "Server", "enabled": True, "address": mailbox.address, **form, **more}


async def _poll_server(post, mailbox, protocol, *verdicts, **more):
    """Deliver a mail for each verdict to a Dovecot, and poll it."""
    inbox = await post.world.inboxes.create(post.actor, _server_form(mailbox, protocol, **more))
    raws = [mail(f"Mail {number}") for number in range(len(verdicts))]
    for number, (raw, verdict) in enumerate(zip(raws, verdicts, strict=True)):
        mailbox.deliver(raw)
        post.clerk.does[f"Mail {number}"] = lambda _received, verdict=verdict: asyncio.sleep(0, verdict)
    await post.poll()
    assert (await post.row(inbox)).last_error == ""
    return raws


async def test_imap_moves_to_the_archive_and_failures_to_the_error_folder(post, mailbox):  # INB-17, INB-20, INB-22
    """Both folders are created when missing; the failed message is intact there, and can be processed again."""
    good, bad = await _poll_server(post, mailbox, "imap", CREATED, FAILED)
    assert (mailbox.messages("Archive"), mailbox.messages("Errors"), mailbox.messages()) == ([good], [bad], [])
    ((held, _),) = await post.quarantine.list(post.actor)
    post.clerk.does.clear()
    await post.quarantine.replay(post.actor, held.journal_id)
    await post.work()
    assert sorted(await post.outcomes()) == ["created", "created"]


async def test_pop3_deletes_what_was_processed_and_never_what_failed(post, mailbox):  # INB-22
    """The deletion counts when the server confirmed the end of the session; the failed message stays."""
    _, bad = await _poll_server(post, mailbox, "pop3", CREATED, FAILED, post_processing="delete")
    assert mailbox.messages() == [bad]
    entries = await post.entries()
    assert {subject: str(entry.finish) for subject, entry in entries.items()} == {"Mail 0": "done", "Mail 1": "done"}
    post.clock.forward(seconds=60)
    await post.poll()
    assert len(await post.outcomes()) == 2


async def test_maildir_moves_as_well(post, tmp_path):
    """The local protocol needs no server."""
    folder = tmp_path / "mail" / "desk" / "new"
    folder.mkdir(parents=True)
    (folder / "1.one.host").write_bytes(mail("Printer"))
    form = {"name": "Local", "enabled": True, "address": "desk@example.test", "protocol": "maildir", "directory": "desk"}
    await post.world.inboxes.create(post.actor, {**form, "user_name": "desk@example.test", "authentication": "none"})
    await post.poll()
    assert (await post.outcomes(), list(folder.iterdir())) == (["created"], [])
    assert len(list((tmp_path / "mail" / "desk" / ".Archive").glob("*/1.one.host*"))) == 1


async def test_what_a_crash_left_over_is_filed_in_the_next_session(post):
    """A mail whose verdict is committed is not processed again; its message is filed before anything else."""
    await post.inbox()
    post.box().add(mail("Printer"))
    await post.queues.save(post.actor, {"queue": "incoming", "active": False})
    await post.poll()
    await post.queues.save(post.actor, {"queue": "incoming", "active": True})
    await post.work(post.tenant) if post.clock.forward(seconds=61) else await post.work()
    assert (post.subjects(), (await post.entries())["Printer"].finish) == (["Printer"], "pending")
    await post.poll()
    assert (post.subjects("Archive"), post.clerk.seen) == (["Printer"], ["Printer"])


async def test_a_mailbox_that_refuses_is_asked_a_few_times_and_then_shown(post, monkeypatch):
    """The inbox says why meanwhile; in the end the history of the mail does, and the message stays."""

    async def refuse(*_arguments):
        raise PermissionDenied("The folder may not be changed.", code="folder.read_only")

    monkeypatch.setattr(MemoryReceiver, "acknowledge", refuse)
    inbox = await post.inbox()
    post.box().add(mail("Printer"))
    await post.poll()
    row = await post.row(inbox)
    assert (row.failures, row.last_error_code, row.backlog) == (0, "folder.read_only", 1)
    for _ in range(4):
        post.clock.forward(seconds=60)
        await post.poll()
    entry, journal = (await post.entries())["Printer"], (await post.journal())["Printer"]
    assert (entry.finish, entry.finish_attempts, post.subjects(), journal.outcome) == ("failed", 5, ["Printer"], "created")
    assert (await post.steps(journal.id))[-1].code == "folder.read_only"


@pytest.mark.parametrize("action", ["delete", "move", "mark_read"])
async def test_a_failed_message_is_never_deleted(post, action):  # INB-22
    """Whatever happens to the others, it goes to the error folder."""
    await post.inbox(post_processing=action)
    post.clerk.verdict = FAILED
    post.box().add(mail("Printer"))
    await post.poll()
    assert (post.subjects("Errors"), post.subjects()) == (["Printer"], [])
