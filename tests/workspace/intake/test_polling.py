"""Polling: what is due, once at a time, each inbox on its own."""

from tests.workspace.intake.conftest import DESK, mail


async def test_a_message_is_stored_processed_and_filed_in_one_poll(post):  # INB-17
    """It becomes what processing makes of it, and lies in the archive folder, which was missing before."""
    inbox = await post.inbox()
    post.box().add(mail("Printer"))
    await post.poll()
    assert (await post.outcomes(), post.clerk.seen) == (["created"], ["Printer"])
    assert (post.subjects(), post.subjects("Archive")) == ([], ["Printer"])
    assert post.places == ["staged", "processed", "acknowledged"]
    assert (await post.row(inbox)).backlog == 0
