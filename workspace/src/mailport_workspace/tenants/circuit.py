"""The circuit of an account: refused credentials are asked once, and then a person must act (REL-06).

It is opened by the first definite answer, and closed by other settings, by a passed test, or by a person. Waiting closes it
only where no server was asked (settings that this deployment refuses). Transient faults never open it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from mailport.errors import MailportError
from mailport_workspace.queries.draining import Situation
from mailport_workspace.store import TenantRows
from mailport_workspace.tables import AccountState

__all__ = ["OUTGOING", "close_circuit", "closes_by_itself", "is_halted", "is_open", "open_circuit", "pause"]

OUTGOING = "outgoing"
"""The subject of the account by which a tenant sends; that of an inbox is its id."""


def is_open(state: AccountState | Situation | None, version: int, moment: datetime) -> bool:
    """Whether the circuit is open at ``moment``, and for the settings in ``version``; None is an account without a history."""
    if state is None or state.circuit_opened_at is None or state.circuit_version != version:
        return False
    return state.wait_until is None or state.wait_until > moment


def is_halted(situation: Situation, moment: datetime) -> bool:
    """Whether nothing may leave at ``moment``: the server asked to wait, or the circuit is open."""
    if situation.circuit_opened_at is not None:
        return is_open(situation, situation.version, moment)
    return situation.wait_until is not None and situation.wait_until > moment


def closes_by_itself(situation: Situation, moment: datetime) -> bool:
    """Whether an open circuit is to be closed now: the settings are others, or its time is over."""
    return situation.circuit_opened_at is not None and not is_halted(situation, moment)


async def open_circuit(
    rows: TenantRows, subject: str, error: MailportError, *, version: int, moment: datetime, pause: float | None = None
) -> bool:
    """Open the circuit of an account in that version of its settings; say whether it was closed.

    With ``pause`` it closes by itself after so many seconds.
    """
    state = await rows.ensure_account_state(subject)
    was_closed = state.circuit_opened_at is None
    state.circuit_opened_at, state.circuit_version = moment, version
    state.circuit_code, state.circuit_error = error.code, " ".join(filter(None, (error.message, error.remedy)))
    state.waits_since = moment
    state.wait_until = None if pause is None else moment + timedelta(seconds=pause)
    return was_closed


async def close_circuit(rows: TenantRows, subject: str) -> bool:
    """Close the circuit of an account; say whether it was open. A passed test and a person call this."""
    state = await rows.account_state(subject)
    if state is None or state.circuit_opened_at is None:
        return False
    state.circuit_opened_at, state.circuit_code, state.circuit_error, state.wait_until = None, "", "", None
    return True


async def pause(rows: TenantRows, subject: str, moment: datetime, seconds: float) -> None:
    """Let nothing leave through an account for so long; an earlier wish that reaches further stays, as does a circuit."""
    state = await rows.ensure_account_state(subject)
    until = moment + timedelta(seconds=seconds)
    if state.circuit_opened_at is None and (state.wait_until is None or state.wait_until < until):
        state.waits_since, state.wait_until = moment, until
