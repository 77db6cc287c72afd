"""The way of incoming mail through the host."""

from contextlib import asynccontextmanager

import pytest

from mailport import (
    Action,
    ActionKind,
    AuthenticationFailed,
    ConfigurationError,
    Direction,
    EventKind,
    Mailport,
    NotFound,
    PluginError,
)
from mailport.fields import Capabilities
from mailport.poll import poll
from mailport.testing.memory import MemoryPlugin
from mailport.transport import Receiver
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


async def test_acknowledging_nothing_is_never_an_error(memory, values):
    """After an empty round nothing is asked of the protocol, not even whether it has the action."""
    mail = Mailport(plugins=[MemoryPlugin(memory, Capabilities())], discover=False)
    async with mail, mail.poll(mail.account(values, Direction.INCOMING)) as round_:
        assert [delivery async for delivery in round_] == []
        assert await round_.acknowledge(Action(ActionKind.MOVE, "Archive")) == ()


async def test_observers_are_told_of_each_delivery_and_of_failure(memory, values, box):
    """Metrics need no code in the host."""
    observer = Observer()
    async with Mailport(plugins=[MemoryPlugin(memory), observer], discover=False) as mail:
        await subjects(mail, mail.account(values, "incoming"))
        with pytest.raises(AuthenticationFailed):
            await subjects(mail, mail.account(values | {"password": "x"}, "incoming"))
    assert [event.kind for event in observer.events] == [*[EventKind.RECEIVED] * 3, EventKind.FAILED]
    assert observer.events[-1].code == "authentication.refused"


async def test_a_direction_is_not_mistaken_for_the_other(mail, outgoing, incoming):
    """An account that sends has no mailbox to read, one that receives has sent nothing."""
    with pytest.raises(ConfigurationError, match="sends; it cannot receive") as caught:
        async with mail.poll(outgoing):
            pass
    assert caught.value.code == "settings.direction"
    with pytest.raises(ConfigurationError, match="receives; it cannot send"):
        await mail.find("<any@example.org>", incoming)


class Faulty(Receiver):
    """Breaks the contract at the point that a test names."""

    def __init__(self, at):
        self.at, self.closed = at, False

    async def open(self):
        if self.at == "open":
            raise KeyError("bug")

    async def close(self):
        self.closed = True

    @asynccontextmanager
    async def fetch(self, cursor, limit=None):
        raise KeyError("bug")
        yield

    async def acknowledge(self, deliveries, action):
        return ()


@pytest.mark.parametrize("at", ["open", "fetch"])
async def test_a_transport_that_breaks_while_it_opens_is_a_plugin_error(incoming, at):  # PLG-03
    """One broken plugin is one error that names whom to tell, and what was opened is closed."""
    receiver, events = Faulty(at), []
    with pytest.raises(PluginError):
        async with poll(incoming, receiver, None, None, events.append):
            pass
    assert [(event.kind, event.code) for event in events] == [(EventKind.FAILED, "plugin.broken")]
    assert receiver.closed == (at == "fetch")
