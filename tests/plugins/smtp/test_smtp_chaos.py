"""Many sends, a server that fails at random, and callers who give up at random: no outcome ever lies."""

import asyncio
import random
from collections import Counter

import pytest

from mailport.errors import MailportError, Refused, Throttled, Uncertain, Unreachable
from mailport.message import Message
from mailport.receipt import Receipt
from mailport_smtp.sender import SmtpSender
from tests.peers.dialogue import Dialogue, Step
from tests.peers.faults import DISCONNECT, RESET
from tests.peers.scripted_smtp import EXTENSIONS, ScriptedSmtp
from tests.plugins.smtp.outgoing import account, message, sending

ANSWERS = ("550 5.7.1 No", "451 4.3.0 Later", "421 4.3.2 Bye", DISCONNECT, RESET)


class Moody:
    """An answer that is mostly right, sometimes late, sometimes a refusal or the end."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    async def __call__(self, dialogue: Dialogue, normal: Step) -> None:
        await asyncio.sleep(self._chance.choice([0, 0, 0.001, 0.003]))
        if self._chance.random() < 0.03:
            await dialogue.answer(self._chance.choice(ANSWERS), normal)
        else:
            await normal()


async def attempt(sender: SmtpSender, one: Message, patience: float) -> BaseException | Receipt:
    """Send, or give up after `patience` seconds."""
    send = asyncio.create_task(sender.send(one))
    asyncio.get_running_loop().call_later(patience, send.cancel)
    return (await asyncio.gather(send, return_exceptions=True))[0]


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize("seed", range(6))
async def test_no_outcome_lies(seed: int, pipelining: bool) -> None:
    """Accepted means arrived once; refused, deferred and unreachable mean not arrived; the rest may be either, but once."""
    chance = random.Random(seed)
    messages = [message(f"user{n}@example.test", text="x\n" * chance.choice([1, 1, 100_000])) for n in range(120)]
    outcomes: list[BaseException | Receipt] = []
    extensions = EXTENSIONS if pipelining else EXTENSIONS[1:]
    with ScriptedSmtp({verb: Moody(chance) for verb in ("MAIL", "RCPT", "DATA", "BODY")}, extensions=extensions) as server:
        for batch in (messages[start : start + 30] for start in range(0, len(messages), 30)):
            async with sending(account(server.port)) as sender:
                sends = [attempt(sender, one, chance.choice([0.001, 0.01, 0.03, 5, 5, 5])) for one in batch]
                outcomes += await asyncio.gather(*sends)
        arrived = Counter(one.recipients[0] for one in server.messages)
    for one, outcome in zip(messages, outcomes, strict=True):
        copies = arrived[one.recipients[0]]
        if isinstance(outcome, Receipt):
            assert copies == 1
        elif isinstance(outcome, Refused | Throttled | Unreachable):
            assert copies == 0, outcome
        else:
            assert isinstance(outcome, Uncertain | asyncio.CancelledError), repr(outcome)
            assert copies <= 1
    assert any(isinstance(outcome, MailportError) for outcome in outcomes)
