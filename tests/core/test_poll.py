"""The way of incoming mail through the host."""

import pytest

from mailport import Action, ActionKind, AuthenticationFailed, EventKind, Mailport, NotFound
from mailport.testing.memory import MemoryPlugin
from tests.core.conftest import ANN
from tests.core.test_submit import Observer


@pytest.fixture
def box(memory, compose):
    """Ann's mailbox with three messages."""
    box = memory.mailboxes[ANN]
    for number in range(3):
        box.add(compose(subject=str(number)).to_bytes())
    return box


async def subjects(mail, account, cursor=None, limit=None):
    async with mail.poll(account, cursor, limit) as round_:
        found = [(await delivery.message()).subject async for delivery in round_]
    return found, round_.cursor


async def test_a_cursor_goes_on_where_the_last_round_ended(mail, incoming, box, compose):
    """Nothing is lost and nothing comes twice."""
    first, cursor = await subjects(mail, incoming, limit=2)
    second, cursor = await subjects(mail, incoming, cursor)
    box.add(compose(subject="new").to_bytes())
    third, _ = await subjects(mail, incoming, cursor)
    assert (first, second, third) == (["0", "1"], ["2"], ["new"])


async def test_the_cursor_never_passes_a_message_that_was_not_yielded(mail, incoming, box):
    """A host that stops in the middle finds the rest the next time."""
    async with mail.poll(incoming) as round_:
        async for _ in round_:
            break
    assert (await subjects(mail, incoming, round_.cursor))[0] == ["1", "2"]


async def test_an_empty_round_keeps_the_cursor(mail, incoming, box):
    """The cursor of a round without messages is still valid."""
    _, cursor = await subjects(mail, incoming)
    assert await subjects(mail, incoming, cursor) == ([], cursor)


async def test_a_forgotten_cursor_is_said_and_a_fresh_start_works(mail, incoming, box):
    """The server no longer knows the cursor: the host starts from the beginning."""
    _, cursor = await subjects(mail, incoming)
    box.forget()
    with pytest.raises(NotFound) as caught:
        await subjects(mail, incoming, cursor)
    assert caught.value.code == "read.cursor"
    assert len((await subjects(mail, incoming))[0]) == 3


async def test_acknowledging_takes_all_that_were_iterated(mail, incoming, box):
    """The default is everything the host has seen in this round."""
    async with mail.poll(incoming, limit=2) as round_:
        async for _ in round_:
            pass
        answers = await round_.acknowledge(Action(ActionKind.MOVE, "Archive"))
    assert [answer.done for answer in answers] == [True, True]
    assert (len(box.mails()), len(box.mails("Archive"))) == (1, 2)


async def test_observers_are_told_of_each_delivery_and_of_failure(memory, values, box):
    """Metrics need no code in the host."""
    observer = Observer()
    async with Mailport(plugins=[MemoryPlugin(memory), observer], discover=False) as mail:
        await subjects(mail, mail.account(values, "incoming"))
        with pytest.raises(AuthenticationFailed):
            await subjects(mail, mail.account(values | {"password": "x"}, "incoming"))
    assert [event.kind for event in observer.events] == [*[EventKind.RECEIVED] * 3, EventKind.FAILED]
    assert observer.events[-1].code == "authentication.refused"
