"""The cases of a sender."""

from __future__ import annotations

import pytest

from mailport.fields import Direction
from mailport.testing.conformance import sessions
from mailport.testing.conformance.arriving import ArrivalCases
from mailport.testing.conformance.checks import outcome, polled, within
from mailport.testing.conformance.handing_over import HandOverCases
from mailport.testing.conformance.harness import Feature, SenderHarness, needs
from mailport.testing.messages import plain
from mailport.transport import Sender

__all__ = ["SenderConformance"]


@pytest.mark.asyncio
class SenderConformance(ArrivalCases, HandOverCases):
    """Subclass it and define a fixture ``harness`` that gives a ``SenderHarness``."""

    # The session

    async def test_close_is_idempotent(self, harness: SenderHarness) -> None:
        """A sender closes in bounded time, twice as well as once, and leaves no connection open."""
        await sessions.check_close(harness, harness.sender)

    @needs(Feature.SILENCE)
    async def test_close_does_not_wait_for_silence(self, harness: SenderHarness) -> None:
        """A sender closes in bounded time when the server stays silent."""
        sender = harness.sender(harness.account(Direction.OUTGOING, timeout=0.5))
        await sender.open()
        harness.silence()
        await within(harness.patience, sender.close(), "closing")

    @needs(Feature.CREDENTIALS)
    async def test_wrong_credentials_fail_once(self, harness: SenderHarness) -> None:
        """Wrong credentials are ``AuthenticationFailed`` after one try."""
        await sessions.check_wrong_credentials(harness, Direction.OUTGOING, harness.sender)

    @needs(Feature.CREDENTIALS, Feature.CONNECTIONS)
    async def test_a_failed_open_leaves_nothing(self, harness: SenderHarness) -> None:
        """Where opening fails, no connection stays open."""
        await sessions.check_failed_open(harness, Direction.OUTGOING, harness.sender)

    async def test_secrets_are_untold(self, harness: SenderHarness) -> None:
        """No secret stands in a representation, an error or a log line."""
        message = plain(harness.from_address, harness.recipient("ann"))
        await sessions.check_secrets(harness, Direction.OUTGOING, harness.sender, lambda sender: sender.send(message))

    # Looking up

    async def test_find_knows_what_was_sent(self, harness: SenderHarness) -> None:
        """With the capability ``lookup`` a sent message is found and an unknown one is not; without it nobody knows."""
        message = plain(harness.from_address, harness.recipient("ann"))
        lookup = harness.protocol.capabilities.lookup
        async with harness.sender() as sender:
            await sender.send(message)
            assert await _look_up(sender, message.message_id, harness.patience) is (True if lookup else None)
            unknown = await sender.find("<never-sent@example.org>")
        assert unknown is None or (lookup and unknown is False)

    @needs(Feature.CUT_AFTER_HANDOVER)
    async def test_an_uncertain_message_is_looked_up(self, harness: SenderHarness) -> None:
        """With the capability ``lookup`` a new session knows whether a message arrived that nobody answered for."""
        if not harness.protocol.capabilities.lookup:
            pytest.skip(f"{harness.protocol.title} lacks the capability lookup")
        message = plain(harness.from_address, harness.recipient("ann"))
        async with harness.sender() as sender:
            harness.cut_after_handover()
            await outcome(sender.send(message), harness.patience)
        harness.heal()
        arrived = bool(await harness.arrived(harness.recipient("ann")))
        async with harness.sender() as sender:
            assert await _look_up(sender, message.message_id, harness.patience if arrived else 0) is arrived


async def _look_up(sender: Sender, message_id: str, patience: float) -> bool | None:
    """Ask until the message is found: some servers file what was sent a little later."""
    return await polled(lambda: sender.find(message_id), lambda found: found is not False, patience)
