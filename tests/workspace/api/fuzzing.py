"""Generated calls over two tenants, in process: what each call may touch is checked from outside, in the database file.

Every row of each tenant holds a marker of its own. A call must not answer with the other tenant's marker or ids, must not
change the other tenant's rows, and must not fail on our side.
"""

import asyncio
import re
import secrets
import sqlite3
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from urllib.parse import quote

from argon2 import PasswordHasher
from sqlalchemy import JSON, DateTime, Enum, Integer, LargeBinary, String, create_engine

from mailport_workspace.access.caller import Scope
from mailport_workspace.access.credential import Credential
from mailport_workspace.tables import Base, IntakeState, MailDirection, Outcome, Role, User, new_id, now
from mailport_workspace.tenants.actor import Actor
from mailport_workspace.tenants.fresh import found_tenant
from tests.workspace.forms import imap, smtp

TINY_HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
_ID = re.compile(rb"\b[0-9a-f]{32}\b")
_SEALED = {"mail_configurations", "account_states", "webhooks"}
"""Tables whose rows only the application can make."""

_PATIENCE = 200
"""Turns of the event loop that the caller of a stream waits; then it hangs up."""

_ADDRESSES = {"email", "sender"}
_KNOWN = {
    "intake_entries": {"state": IntakeState.PARKED},
    "journal_entries": {"direction": MailDirection.INCOMING, "outcome": Outcome.QUARANTINED, "record_type": "incident"},
    "outside_numbers": {"record_type": "incident"},
    "quarantine": {"decision": ""},
    "api_tokens": {"scopes": ["mail:read"]},
    "connection_tests": {"report": {"passed": None, "rungs": []}},
    "records": {"type": "incident"},
    "webhook_deliveries": {"event": "mail.sent"},
}
_TABLES = {
    "connection": ["import_connections"],
    "delivery": ["webhook_deliveries"],
    "entry": ["outbox_entries"],
    "file": ["record_attachments"],
    "inbox": ["inboxes"],
    "mail": ["journal_entries"],
    "mails": ["journal_entries"],
    "number": ["outside_numbers"],
    "parent": ["records"],
    "person": ["people"],
    "record": ["records"],
    "row": ["tab_rows"],
    "rule": ["incoming_rules"],
    "subject": ["inboxes"],
    "test": ["connection_tests"],
    "token": ["api_tokens"],
    "user": ["users"],
    "webhook": ["webhooks"],
}
_REFERRED = {
    "user_id": "users",
    "inbox_id": "inboxes",
    "raw_id": "raw_messages",
    "journal_id": "journal_entries",
    "record_id": "records",
    "person_id": "people",
}


@dataclass
class Side:
    """One of the tenants: how it calls, and what must never be seen on the other side."""

    tenant: str
    marker: str
    token: str = ""
    rows: dict[str, list[str]] = field(default_factory=dict)

    @property
    def ids(self):
        """The ids of all rows."""
        return [found for rows in self.rows.values() for found in rows]

    def id_of(self, kind, number):
        """Return the id of a row that fits where that kind is asked for; of any row where the kind tells nothing."""
        fitting = [found for table in _TABLES.get(kind, self.rows) for found in self.rows[table]]
        return fitting[number % len(fitting)]


async def settle_two(workspace, path):
    """Make the tenants, each with an administrator, a token and a row in every table."""
    sides = []
    for name in ("one", "two"):
        side = Side(await found_tenant(workspace.store, name), f"canary{name}{secrets.token_hex(8)}")
        user = User(
            id=new_id(), email=f"{side.marker}@example.test", name=side.marker, role=Role.ADMINISTRATOR, password_hash=""
        )
        async with workspace.store.write(side.tenant) as rows:
            await rows.add(user)
        actor = Actor.of(user)
        side.token = (await workspace.tokens.create(actor, name=f"{side.marker} all", scopes=[Scope.ADMIN]))[1]
        async with workspace.store.write(side.tenant) as rows:  # else the first use of every minute is a write
            await rows.use_api_token(Credential.parse(side.token).id, now() + timedelta(days=1))
        await workspace.configurations.save(actor, smtp(host=f"{side.marker}.example.test", custom={"note": side.marker}))
        await workspace.inboxes.create(actor, imap(name=side.marker))
        hook = {"name": side.marker, "url": f"https://{side.marker}.example.test/", "events": ["mail.sent"]}
        await workspace.webhooks.create(actor, hook)
        sides.append(side)
    for side in sides:
        _fill(path, side)
    return sides


def _fill(path, side):
    """Put one more row of the tenant into every table that takes one, and learn the ids of all of them."""
    engine = create_engine(f"sqlite:///{path}")
    tables = [table for table in Base.metadata.sorted_tables if "tenant_id" in table.columns]
    made = {table.name: new_id() for table in tables if table.name not in _SEALED}
    with engine.begin() as connection:
        for table in tables:
            if table.name not in _SEALED:
                row = {"tenant_id": side.tenant, "id": made[table.name]}
                connection.execute(table.insert().values({**_values(table, side, made), **row}))
            owned = table.select().with_only_columns(table.c.id).where(table.c.tenant_id == side.tenant)
            side.rows[table.name] = list(connection.scalars(owned))
            for found in side.rows[table.name]:
                made.setdefault(table.name, found)
    engine.dispose()


def _values(table, side, made):
    """Text that shows whose it is, and references to the rows that are there already."""
    values = {column.key: _value(column, side) for column in table.columns if column.default is None or _is_text(column)}
    values |= {column.key: made.get(_REFERRED.get(column.key, ""), new_id()) for column in table.columns if _refers(column)}
    for key in table.foreign_key_constraints:
        values |= dict.fromkeys(key.columns.keys()[1:], made.get(key.referred_table.name))
    return {name: value for name, value in values.items() if value is not None} | _KNOWN.get(table.name, {})


def _mail(marker):
    """Return a mail with an attachment, all of it the tenant's."""
    head = f"Subject: {marker}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    text = f"--b\r\nContent-Type: text/plain\r\n\r\n{marker}\r\n"
    file = f"--b\r\nContent-Disposition: attachment; filename={marker}.txt\r\n\r\n{marker}\r\n--b--\r\n"
    return f"{head}{text}{file}".encode()


def _is_text(column):
    return isinstance(column.type, String) and not isinstance(column.type, Enum) and not _refers(column)


def _refers(column):
    return _is_id(column) or column.key in _REFERRED


def _is_id(column):
    return isinstance(column.type, String) and column.type.length == 32


def _value(column, side):
    if _is_text(column):
        return f"{column.table.name}.{side.marker}@example.test" if column.key in _ADDRESSES else f"{side.marker} {column.key}"
    kind = getattr(column.type, "impl", column.type)
    if isinstance(kind, Enum):
        return next(iter(kind.enum_class))
    if isinstance(kind, DateTime):
        return now()
    if isinstance(kind, LargeBinary):
        return _mail(side.marker)
    if isinstance(kind, JSON):
        return {}
    if isinstance(kind, Integer):
        return len(_mail(side.marker)) if column.key == "size" else 0
    return None


@dataclass
class Count:
    """What was played."""

    sequences: int = 0
    calls: int = 0
    statuses: Counter = field(default_factory=Counter)
    called: set = field(default_factory=set)
    succeeded: set = field(default_factory=set)

    def note(self, call, status):
        """Count one call."""
        self.calls += 1
        self.statuses[f"{status // 100}xx"] += 1
        self.called.add(call.operation)
        if status < 400:
            self.succeeded.add(call.operation)

    def __str__(self):
        statuses = ", ".join(f"{times} {status}" for status, times in sorted(self.statuses.items()))
        reached = f"{len(self.called)} operations called, {len(self.succeeded)} with success"
        return f"{self.sequences} sequences, {self.calls} calls ({statuses}), {reached}"


class World:
    """The application, and the file that it works on, put back to the start before every sequence."""

    def __init__(self, app, path, sides):
        self.app = app
        self.sides = sides
        self._watched = sqlite3.connect(path)
        self._watched.execute("PRAGMA synchronous=OFF")  # the file is put back thousands of times, and nobody needs it later
        self._start = sqlite3.connect(":memory:")
        self._watched.backup(self._start)
        self._tables = [table.name for table in Base.metadata.sorted_tables if "tenant_id" in table.columns]
        self._is_changed = False
        self._version = self._data_version()
        self._untouched = [self._digest(side) for side in sides]
        self._others = [[side.tenant, *side.ids] for side in reversed(sides)]
        self.count = Count()

    def close(self):
        self._watched.close()
        self._start.close()

    async def play(self, calls):
        """Make the calls of one sequence; each by its own tenant, with ids of both, also of what the sequence made."""
        self._put_back()
        self.count.sequences += 1
        made, seen = ([], []), list(self._untouched)
        for call in calls:
            mine, other = call.side, 1 - call.side
            seen[other] = seen[other] or self._digest(self.sides[other])
            request = call.request(partial(self._pick, made, mine), self.sides[mine].marker)
            status, answer = await self._send(request, self.sides[mine].token)
            self.count.note(call, status)
            self._check(request, status, answer, [*self._others[mine], *made[other]], other)
            made[mine].extend(self._new(answer, made))
            if self._has_changed():
                self._is_changed = True
                assert self._digest(self.sides[other]) == seen[other], f"the other tenant's rows changed: {request}"
                seen[mine] = None  # looked at again when the other tenant calls

    def _put_back(self):
        if self._is_changed:
            self._start.backup(self._watched)
            self._is_changed = False

    def _pick(self, made, mine, wanted):
        """Find the id that is wanted: every other time one that the sequence made, where it made one."""
        whose = 1 - mine if wanted.is_foreign else mine
        if wanted.number % 2 and made[whose]:
            return made[whose][-1 - wanted.number // 2 % len(made[whose])]
        return self.sides[whose].id_of(wanted.kind, wanted.number // 2)

    def _new(self, answer, made):
        """Return the ids in an answer that nobody had before."""
        found = {found.decode() for found in _ID.findall(answer)}
        return sorted(found.difference(*made, *self._others))

    def _has_changed(self):
        """Whether the application wrote since the last time that this was asked."""
        before, self._version = self._version, self._data_version()
        return before != self._version

    def _data_version(self):
        return self._watched.execute("PRAGMA data_version").fetchone()[0]

    def _check(self, request, status, answer, others, other):
        assert status < 500, f"{status} for {request}: {answer!r}"
        assert self.sides[other].marker.encode() not in answer, f"the other tenant's rows are shown: {request}"
        shown = [row for row in others if row.encode() in answer and row not in repr(request)]
        assert shown == [], f"the other tenant's ids are shown: {request}"

    def _digest(self, side):
        found = [self._watched.execute("SELECT * FROM tenants WHERE id = ?", (side.tenant,)).fetchall()]
        for table in self._tables:
            query = f"SELECT * FROM {table} WHERE tenant_id = ? ORDER BY id"
            found.append(self._watched.execute(query, (side.tenant,)).fetchall())
        return hash(tuple(map(tuple, found)))

    async def _send(self, request, token):
        """Call the application as a server does, without one."""
        method, path, query, own, body = request
        headers = {"authorization": f"Bearer {token}", "host": "mailport.example.test"} | own
        if body is not None:
            headers |= {"content-length": str(len(body))}
        scope = {
            "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "scheme": "https",
            "method": method, "path": path, "raw_path": quote(path).encode(), "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
            "root_path": "", "client": ("192.0.2.1", 1), "server": ("mailport.example.test", 443),
        }  # fmt: skip
        messages = [{"type": "http.request", "body": body or b"", "more_body": False}]
        sent = []

        async def receive():
            if messages:
                return messages.pop()
            for _ in range(_PATIENCE):
                if sent and not sent[-1].get("more_body", True):
                    break
                await asyncio.sleep(0)
            return {"type": "http.disconnect"}

        async def send(message):
            sent.append(message)

        await self.app(scope, receive, send)
        said = b"\n".join(value for name, value in sent[0]["headers"] if name == b"location")
        return sent[0]["status"], said + b"".join(message.get("body", b"") for message in sent[1:])
