"""What the demonstration prints: how to try it at the start, and what happens meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from mailport_workspace.demo.running import HOST, Demo
from mailport_workspace.demo.sample import ADMINISTRATOR, DESK, GUEST, OUTBOX, TENANT
from mailport_workspace.queries.records import RecordFilter
from mailport_workspace.records.desk import Listed

__all__ = ["Say", "tell"]

Say = Callable[[str], None]

_MAIL = f"From: {GUEST}\\nTo: {DESK}\\nSubject: The printer is on fire\\n\\nIt smells.\\n"
_LOOK = 1.0


async def tell(demo: Demo, say: Say) -> None:
    """Say how to try it, then tell every incident and every answer; until cancelled."""
    say(_welcome(demo))
    known = {listed.record.id: listed for listed in await _records(demo)}
    sent = _answers(demo)
    while True:
        await asyncio.sleep(_LOOK)
        for listed in reversed(await _records(demo)):
            before = known.get(listed.record.id)
            if before is None:
                say(_new(demo, listed))
            elif before.updated_at != listed.updated_at:
                say(f"{listed.record.number} has something new in its history.")
            known[listed.record.id] = listed
        for name in sorted(_answers(demo) - sent):
            say(f"An answer went out: {demo.mail / OUTBOX / 'new' / name}")
        sent = _answers(demo)


def _welcome(demo: Demo) -> str:
    sender = f"import smtplib; smtplib.SMTP('{HOST}', {demo.smtp_port}).sendmail('{GUEST}', '{DESK}', '{_MAIL}')"
    return f"""
The workspace runs. Stop it with Ctrl-C; everything lies in {demo.mail.parent}.

  The API, as OpenAPI:  {demo.api}/openapi.json
  Sign in (POST {demo.api}/session) as {ADMINISTRATOR} of the tenant “{TENANT}”, password {demo.sample.password}

Send a first mail to {DESK} with any mail client (SMTP server {HOST}, port {demo.smtp_port}, no password), or so:

  python3 -c "{sender}"

See the incident that it becomes:

  {_curl(demo)} {demo.api}/records
"""


def _new(demo: Demo, listed: Listed) -> str:
    record = listed.record
    return f"""{record.number} is a new incident: {record.title}
  Look at it:  {_curl(demo)} {demo.api}/records/{record.id}
  Answer it:   {_curl(demo)} {demo.api}/records/{record.id}/answers --json '{{"text": "We look into it."}}'
  Then answer that mail: whatever says its conversation id finds this incident."""


def _curl(demo: Demo) -> str:
    return f'curl -s -H "Authorization: Bearer $(cat {demo.sample.token_file})"'


async def _records(demo: Demo) -> list[Listed]:
    return list(await demo.workspace.desk.list(demo.sample.actor, RecordFilter()))


def _answers(demo: Demo) -> set[str]:
    folder = demo.mail / OUTBOX / "new"
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()
