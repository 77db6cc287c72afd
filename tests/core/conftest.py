"""A mail system in memory, and a host that uses it."""

import pytest

from mailport import Direction, Mailport, Message
from mailport.testing.memory import MemoryMail, MemoryPlugin

ANN, BOB = "ann@example.org", "bob@example.org"


@pytest.fixture
def memory():
    """A mail system with one mailbox that can sign in."""
    return MemoryMail({ANN: "secret-of-ann"})


@pytest.fixture
async def mail(memory):
    """A host with nothing but the memory protocol."""
    async with Mailport(plugins=[MemoryPlugin(memory)], discover=False) as mailport:
        yield mailport


@pytest.fixture
def values():
    """The settings of the mailbox."""
    return {"protocol": "memory", "user_name": ANN, "password": "secret-of-ann"}


@pytest.fixture
def outgoing(mail, values):
    """The mailbox as an account that sends."""
    return mail.account(values)


@pytest.fixture
def incoming(mail, values):
    """The mailbox as an account that receives."""
    return mail.account(values, Direction.INCOMING)


@pytest.fixture
def compose():
    """Make a message from Ann to Bob, with changes."""
    return lambda **more: Message.compose(**({"sender": ANN, "to": BOB, "subject": "Hello", "text": "Hi\n"} | more))
