"""Connecting and signing in, the same for sender, receiver and probe."""

from __future__ import annotations

import asyncio

from mailport.account import Account
from mailport.testing.memory.fields import MemorySettings
from mailport.testing.memory.server import Connection, MemoryMail
from mailport.testing.memory.translate import translated

__all__ = ["settings_of", "sign_in"]


def settings_of(account: Account) -> MemorySettings:
    """Return the account's settings; core dispatches accounts of this protocol only."""
    settings = account.settings
    assert isinstance(settings, MemorySettings)
    return settings


async def sign_in(account: Account, connection: Connection) -> None:
    """Sign in on a fresh connection."""
    settings = settings_of(account)
    async with translated(), asyncio.timeout(account.timeout):
        await connection.sign_in(settings.user_name, settings.password.get_secret_value())


async def connect(account: Account, mail: MemoryMail) -> Connection:
    """Return a connection without a user."""
    async with translated(), asyncio.timeout(account.timeout):
        return await mail.connect()


async def signed_in(account: Account, mail: MemoryMail) -> Connection:
    """Return a connection that is ready for work. If signing in fails, nothing is left open."""
    connection = await connect(account, mail)
    try:
        await sign_in(account, connection)
    except BaseException:
        connection.close()
        raise
    return connection
