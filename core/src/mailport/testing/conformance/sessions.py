"""What holds for everything that is opened, used and closed: sender, receiver and probe alike."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from mailport.account import Account
from mailport.errors import AuthenticationFailed
from mailport.fields import Direction
from mailport.testing.conformance.checks import assert_untold, eventually, logged, outcome, within
from mailport.testing.conformance.harness import Feature, Harness
from mailport.transport import Receiver, Sender, Session

__all__ = ["check_close", "check_failed_open", "check_nothing_open", "check_secrets", "check_wrong_credentials"]

Make = Callable[[Account], Sender | Receiver]
S = TypeVar("S", bound=Session)


async def check_close(harness: Harness, make: Callable[[], Sender | Receiver]) -> None:
    """Close a session that was never opened, one that was, and that one again."""
    await within(harness.patience, make().close(), "closing what was never opened")
    session = make()
    await session.open()
    await within(harness.patience, session.close(), "closing")
    await within(harness.patience, session.close(), "closing again")
    await check_nothing_open(harness)


async def check_nothing_open(harness: Harness) -> None:
    """Wait until the server has seen every connection end, if it counts them."""
    if Feature.CONNECTIONS in harness.supports:
        await eventually(lambda: harness.open_connections == 0, harness.patience, "every connection closed")


async def check_wrong_credentials(harness: Harness, direction: Direction, make: Make) -> None:
    """Wrong credentials are told at once, as what they are, after one try."""
    account = harness.account(direction, **harness.wrong_credentials(direction))
    error = await outcome(make(account).open(), harness.patience)
    assert isinstance(error, AuthenticationFailed), repr(error)
    assert error.code.startswith("authentication."), error.code
    if Feature.SIGN_INS in harness.supports:
        assert harness.failed_sign_ins == 1


async def check_failed_open(harness: Harness, direction: Direction, make: Make) -> None:
    """Where opening fails, no connection is left behind, whether or not somebody closes."""
    await outcome(make(harness.account(direction, **harness.wrong_credentials(direction))).open(), harness.patience)
    await check_nothing_open(harness)


async def check_secrets(
    harness: Harness, direction: Direction, make: Callable[[Account], S], use: Callable[[S], Awaitable[object]]
) -> None:
    """No secret of an account is told by its session in ``use``, by what it logs, or by the error of a wrong one."""
    good = harness.account(direction)
    session = make(good)
    with logged() as lines:
        async with session:
            told = [await use(session), repr(session), good]
        assert_untold(good.settings.secrets(), [*told, session, *lines])
        if Feature.CREDENTIALS in harness.supports:
            wrong = harness.account(direction, **harness.wrong_credentials(direction))
            error = await outcome(make(wrong).open(), harness.patience)
            assert_untold(wrong.settings.secrets(), [error, *lines])
