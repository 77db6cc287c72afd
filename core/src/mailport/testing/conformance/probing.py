"""The cases of a probe: the steps of Test Connection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from mailport.errors import AuthenticationFailed, MailportError, TimedOut
from mailport.fields import Direction
from mailport.testing.conformance.checks import assert_untold, logged, within
from mailport.testing.conformance.harness import Feature, Harness, needs
from mailport.testing.conformance.sessions import check_nothing_open
from mailport.transport import Probe, Rung, Step

__all__ = ["ProbeConformance"]

_ALL = list(Rung)
_OWN = [*_ALL[_ALL.index(Rung.CONNECT) : _ALL.index(Rung.FOLDER) + 1], Rung.READ]
_STARTTLS = [Rung.CONNECT, Rung.GREETING, Rung.TLS, *_OWN[_OWN.index(Rung.GREETING) + 1 :]]

each_direction = pytest.mark.parametrize("direction", list(Direction))


@pytest.mark.asyncio
class ProbeConformance:
    """Subclass it and define a fixture ``harness``; each case runs for every direction of the protocol."""

    @each_direction
    async def test_a_good_account_passes(self, harness: Harness, direction: Direction) -> None:
        """Every step of an account that works ends well and says something, or is empty where it does not apply."""
        probe = _probe(harness, direction)
        said = [await step.run() for step in probe.steps()]
        await probe.close()
        assert all(isinstance(text, str) for text in said)
        assert any(said)

    @each_direction
    async def test_rungs_are_climbed_in_order(self, harness: Harness, direction: Direction) -> None:
        """The steps go up the ladder, from CONNECT at most to FOLDER and READ, and stand on no rung twice.

        With STARTTLS the greeting comes before TLS.
        """
        rungs = [rung for step in _probe(harness, direction).steps() for rung in step.rungs]
        assert rungs
        assert rungs in [[rung for rung in order if rung in rungs] for order in (_OWN, _STARTTLS)]

    @each_direction
    async def test_it_leaves_no_trace(self, harness: Harness, direction: Direction) -> None:
        """After a test the mail system holds what it held before, and no connection is open."""
        before = await harness.snapshot()
        await _climb(_probe(harness, direction))
        assert await harness.snapshot() == before
        await check_nothing_open(harness)

    @each_direction
    @needs(Feature.CREDENTIALS)
    async def test_wrong_credentials_fail_at_authentication(self, harness: Harness, direction: Direction) -> None:
        """Wrong credentials fail at the rung AUTHENTICATION, once, with a remedy; the connection is closed."""
        fall = await _climb(_probe(harness, direction, harness.wrong_credentials(_has(harness, direction))))
        assert fall is not None
        assert isinstance(fall.error, AuthenticationFailed), repr(fall.error)
        assert fall.error.code.startswith(f"{Rung.AUTHENTICATION}."), fall.error.code
        assert fall.error.remedy
        if Feature.SIGN_INS in harness.supports:
            assert harness.failed_sign_ins == 1
        await check_nothing_open(harness)

    @each_direction
    @needs(Feature.CREDENTIALS)
    async def test_a_failure_stands_on_a_rung_of_its_step(self, harness: Harness, direction: Direction) -> None:
        """The first part of an error's code names a rung that its step declared."""
        fall = await _climb(_probe(harness, direction, harness.wrong_credentials(_has(harness, direction))))
        assert fall is not None
        assert fall.error.code.partition(".")[0] in fall.step.rungs

    @each_direction
    @needs(Feature.SILENCE)
    async def test_silence_ends_in_time(self, harness: Harness, direction: Direction) -> None:
        """A silent server ends the test with an error after the account's timeout."""
        probe = harness.probe(harness.account(_has(harness, direction), timeout=0.5))
        harness.silence()
        fall = await within(harness.patience, _climb(probe), "the test of a silent server")
        assert fall is not None
        assert isinstance(fall.error, TimedOut), repr(fall.error)

    @each_direction
    async def test_close_is_idempotent(self, harness: Harness, direction: Direction) -> None:
        """A probe closes in bounded time, before the first step and after the last, twice as well as once."""
        probe = _probe(harness, direction)
        await within(harness.patience, probe.close(), "closing before the first step")
        await _climb(_probe(harness, direction))
        await within(harness.patience, probe.close(), "closing again")

    @each_direction
    async def test_secrets_are_untold(self, harness: Harness, direction: Direction) -> None:
        """No secret stands in what a probe says, in its representation, or in a log line."""
        account = harness.account(_has(harness, direction))
        with logged() as lines:
            probe = harness.probe(account)
            said = [await step.run() for step in probe.steps()]
            told = repr(probe)
            await probe.close()
            assert_untold(account.settings.secrets(), [told, *said, *lines])
            if Feature.CREDENTIALS in harness.supports:
                wrong = harness.account(direction, **harness.wrong_credentials(direction))
                fall = await _climb(harness.probe(wrong))
                assert_untold(wrong.settings.secrets(), [fall and fall.error, *lines])

    @each_direction
    async def test_the_endpoint_is_told(self, harness: Harness, direction: Direction) -> None:
        """A protocol that leaves the machine says where to, so that core checks name and egress before it."""
        endpoint = _probe(harness, direction).endpoint()
        if harness.protocol.capabilities.local:
            assert endpoint is None
        else:
            assert endpoint is not None
            fields = type(harness.account(direction).settings).model_fields
            assert endpoint.host
            assert 0 < endpoint.port < 65536
            assert {endpoint.host_field, endpoint.port_field} - {""} <= {*fields, "protocol"}


def _has(harness: Harness, direction: Direction) -> Direction:
    if direction not in harness.protocol.directions:
        pytest.skip(f"{harness.protocol.title} has no {direction} direction")
    return direction


def _probe(harness: Harness, direction: Direction, changes: Mapping[str, Any] | None = None) -> Probe:
    return harness.probe(harness.account(_has(harness, direction), **changes or {}))


@dataclass(frozen=True, slots=True)
class Fall:
    """Where a climb ended before its top, and why."""

    step: Step
    error: MailportError


async def _climb(probe: Probe) -> Fall | None:
    """Run the steps until one fails, then close."""
    try:
        for step in probe.steps():
            try:
                await step.run()
            except MailportError as error:
                return Fall(step, error)
    finally:
        await probe.close()
    return None
