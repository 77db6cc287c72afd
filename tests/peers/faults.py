"""What can go wrong at a step of a scripted server: give these as answers, beside fixed replies."""

import asyncio
import socket
import struct

from tests.peers.dialogue import Answer, Dialogue, Fault, HangUp, Step, abort


async def NORMAL(_: Dialogue, normal: Step) -> None:  # noqa: N802
    """Behave: the place holder in a sequence of answers."""
    await normal()


async def DISCONNECT(_: Dialogue, __: Step) -> None:  # noqa: N802
    """Close the connection instead of an answer."""
    raise HangUp


async def RESET(dialogue: Dialogue, _: Step) -> None:  # noqa: N802
    """Reset the connection (TCP RST) instead of an answer."""
    connection = dialogue.writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    abort(dialogue.writer.transport)
    raise HangUp


async def SILENCE(dialogue: Dialogue, _: Step) -> None:  # noqa: N802
    """Never answer again, but keep the connection open until the client closes it."""
    while True:
        await dialogue.read_line()


def delay(seconds: float, then: Answer = NORMAL) -> Fault:
    """Wait, then give the answer `then`."""

    async def fault(dialogue: Dialogue, normal: Step) -> None:
        await asyncio.sleep(seconds)
        await dialogue.answer(then, normal)

    return fault


def reply_then(reply: str, then: Fault = DISCONNECT) -> Fault:
    """Send a fixed reply, then go on with `then`."""

    async def fault(dialogue: Dialogue, normal: Step) -> None:
        await dialogue.reply(reply)
        await then(dialogue, normal)

    return fault


def cut_reply(after: int) -> Fault:
    """Do the work, but let only the first `after` bytes of the answer out, then disconnect."""

    async def fault(dialogue: Dialogue, normal: Step) -> None:
        dialogue.allowance = after
        await normal()
        raise HangUp

    return fault


LOSE_REPLY = cut_reply(0)  # the work was done, the client cannot know
