"""The host for applications without asyncio."""

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress

import pytest

from mailport import Action, ActionKind, AuthenticationFailed, Direction, blocking
from mailport.testing.memory import MemoryPlugin
from tests.core.conftest import ANN


@pytest.fixture
def desk(memory):
    """A blocking host with the memory protocol."""
    with blocking.Mailport(plugins=[MemoryPlugin(memory)], discover=False) as mailport:
        yield mailport


def test_sending_and_receiving_need_no_await(desk, memory, values, compose):
    """A message goes out, comes in and is acknowledged."""
    desk.submit(compose(to=ANN), desk.account(values))
    with desk.poll(desk.account(values, Direction.INCOMING)) as round_:
        found = [(delivery.key, delivery.message().subject) for delivery in round_]
        answers = round_.acknowledge(Action(ActionKind.DELETE))
    assert [subject for _, subject in found] == ["Hello"]
    assert [answer.done for answer in answers] == [True]
    assert round_.cursor is not None
    assert memory.open_connections == memory.connections[:1]


def test_a_delivery_tells_what_the_server_lists(desk, values, compose):
    """Size, time and flags are there without reading the message, as with asyncio."""
    desk.submit(compose(to=ANN), desk.account(values))
    with desk.poll(desk.account(values, Direction.INCOMING)) as round_:
        (delivery,) = round_
        listed = (delivery.size, delivery.received_at, delivery.flags)
        assert listed == (delivery.listed.size, delivery.listed.received_at, delivery.listed.flags)
        assert delivery.size == len(delivery.read())


def test_threads_share_the_sessions(desk, memory, values, compose):
    """Many threads send at once over the same few connections."""
    account = desk.account(values)
    threads = [threading.Thread(target=desk.submit, args=(compose(), account)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(memory.accepted) == 20
    assert len(memory.connections) < 20


async def test_a_running_loop_is_refused(desk, values):
    """Blocking inside a loop would stop it: the error says what to use instead."""
    with pytest.raises(RuntimeError, match=r"use mailport\.Mailport"):
        desk.account(values)


def test_errors_reach_the_caller(desk, values, compose):
    """The exception is the one that the asynchronous host raises."""
    with pytest.raises(AuthenticationFailed):
        desk.submit(compose(), desk.account(values | {"password": "x"}))
    with pytest.raises(AuthenticationFailed), desk.poll(desk.account(values | {"password": "x"}, "incoming")):
        pass


def test_a_round_that_fails_in_the_middle_is_closed(desk, memory, values, compose):
    """The host's own error passes through, and the connection is given back."""
    memory.mailboxes[ANN].add(compose().to_bytes())
    with pytest.raises(ZeroDivisionError), desk.poll(desk.account(values, "incoming")) as round_:
        for _ in round_:
            raise ZeroDivisionError
    assert memory.open_connections == []


FORKING = """
import os
from mailport import Message, blocking
from mailport.testing.memory import MemoryMail, MemoryPlugin

memory = MemoryMail({"ann@example.org": "secret-of-ann"})
mail = Message.compose(sender="ann@example.org", to="bob@example.org", subject="Hello", text="Hi")
with blocking.Mailport(plugins=[MemoryPlugin(memory)], discover=False) as desk:
    account = desk.account({"protocol": "memory", "user_name": "ann@example.org", "password": "secret-of-ann"})
    desk.submit(mail, account)
    if (child := os.fork()) == 0:
        os._exit(0 if desk.submit(mail, account).accepted and len(memory.connections) == 2 else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert desk.submit(mail, account).accepted
    assert len(memory.connections) == 1
"""


def test_a_forked_child_starts_its_own_loop():
    """The child of a fork sends by itself and leaves the parent's connections alone."""
    # Not in this process: a child that failed would go on as a second copy of it, and keep its pipes open for ever.
    with subprocess.Popen([sys.executable, "-c", FORKING], start_new_session=True) as forking:
        try:
            assert forking.wait(60) == 0
        finally:
            with suppress(ProcessLookupError):
                os.killpg(forking.pid, signal.SIGKILL)


def test_a_closed_host_can_be_used_again(desk, values, compose):
    """Closing ends the thread; the next call starts a new one."""
    desk.submit(compose(), desk.account(values))
    desk.close()
    assert "not started" in repr(desk)
    assert desk.submit(compose(), desk.account(values)).accepted
    assert desk.test_connection(desk.account(values)).passed
    assert desk.protocols()[0].key == "memory"


@pytest.fixture
def ctrl_c():
    """Press Ctrl-C a moment later."""
    timer = threading.Timer(0.3, signal.pthread_kill, (threading.main_thread().ident, signal.SIGINT))
    timer.start()
    yield
    timer.join()


def test_ctrl_c_withdraws_the_message(desk, memory, values, compose, ctrl_c):
    """When the interrupt reaches the caller, the message has been given up, and the session serves the next one."""
    account = desk.account(values)
    with memory.bodies.held(), pytest.raises(KeyboardInterrupt):
        desk.submit(compose(), account)
    assert memory.under_way == set()
    assert desk.submit(compose(), account).accepted
    assert len(memory.accepted) == 1


def test_ctrl_c_ends_a_poll(desk, memory, values, compose, ctrl_c):
    """The interrupt reaches the caller as what it is, and the connection is closed by then."""
    memory.mailboxes[ANN].add(compose().to_bytes())
    with pytest.raises(KeyboardInterrupt), desk.poll(desk.account(values, "incoming")) as round_:
        (delivery,) = round_
        memory.faults.silent = True
        delivery.read()
    assert memory.open_connections == []


def test_ctrl_c_ends_the_opening_of_a_poll(desk, memory, values, ctrl_c):
    """A server that is silent from the start holds nobody up."""
    memory.faults.silent = True
    with pytest.raises(KeyboardInterrupt), desk.poll(desk.account(values, "incoming")):
        pass
    assert memory.open_connections == []


def test_a_delivery_after_its_round_is_an_error(desk, memory, values, compose):
    """Reading after the mailbox was closed says so instead of waiting for ever."""
    memory.mailboxes[ANN].add(compose().to_bytes())
    with desk.poll(desk.account(values, "incoming")) as round_:
        (delivery,) = round_
    with pytest.raises(RuntimeError, match="inside its block"):
        delivery.read()


def test_a_host_that_cannot_be_made_leaves_no_thread():
    """A wrong option is an error at the first use, each time, and nothing keeps running."""
    before = threading.active_count()
    for _ in range(2):
        with pytest.raises(TypeError):
            blocking.Mailport(no_such_option=True).protocols()
    assert threading.active_count() == before
