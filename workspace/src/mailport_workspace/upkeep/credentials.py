"""Credentials that will end soon, or have been refused: told before mail stops (LOG-05)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from mailport_workspace.sealing import KeyRing, Place, SealBroken
from mailport_workspace.store import Store, TenantRows
from mailport_workspace.tables import AccountState, Inbox, MailConfiguration, now
from mailport_workspace.tenants.actor import Actor
from mailport_workspace.tenants.audit import changed_fields
from mailport_workspace.tenants.circuit import OUTGOING, is_open

__all__ = ["SOON", "CredentialWarning", "Credentials"]

SOON = timedelta(days=30)
"""How long before its end a credential is told of."""

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialWarning:
    """A credential of ``subject`` (``outgoing`` or the id of an inbox, by ``name``) that ends on a day, or was refused.

    ``code`` is ``certificate``, ``entered`` (by a person) or ``refused``; ``text`` says it in words.
    """

    subject: str
    name: str
    code: str
    text: str
    ends_on: date | None = None


class Credentials:
    """Watches over the credentials of all tenants."""

    def __init__(self, store: Store, ring: KeyRing, clock: Callable[[], datetime] = now) -> None:
        self._store = store
        self._ring = ring
        self._clock = clock

    async def warnings(self, tenant: str) -> Sequence[CredentialWarning]:
        """Return what will stop mail soon, or has stopped it."""
        async with self._store.read(tenant) as rows:
            return await self.warnings_in(rows)

    async def warnings_in(self, rows: TenantRows) -> list[CredentialWarning]:
        """Do what ``warnings`` does, within the caller's transaction."""
        configuration = await rows.configuration()
        accounts: dict[str, tuple[str, MailConfiguration | Inbox]] = {OUTGOING: ("sending", configuration)}
        accounts |= {inbox.id: (f"inbox {inbox.name}", inbox) for inbox in await rows.readable_inboxes()}
        states = await rows.account_states()
        return [
            warning
            for subject, (name, row) in accounts.items()
            for warning in self._of_account(subject, name, row, states.get(subject))
        ]

    async def set_end(self, actor: Actor, subject: str, ends_on: date | None) -> None:
        """Note on which day a credential ends, where only a person knows; None forgets it. Raises ``NotFound``."""
        actor.require_administrator()
        async with self._store.write(actor.tenant) as rows:
            name = "configuration" if subject == OUTGOING else f"inbox {(await rows.inbox(subject)).name}"
            state = await rows.ensure_account_state(subject)
            old, new = ({"credential_ends_on": day and day.isoformat()} for day in (state.credential_ends_on, ends_on))
            await rows.add(*changed_fields(actor, name, old, new))
            state.credential_ends_on = ends_on

    def _of_account(
        self, subject: str, name: str, row: MailConfiguration | Inbox, state: AccountState | None
    ) -> Iterator[CredentialWarning]:
        for day in self._certificate_ends(row):
            yield from self._ending(subject, name, "certificate", "The client certificate", day)
        if state is not None and state.credential_ends_on is not None:
            yield from self._ending(subject, name, "entered", "The credential", state.credential_ends_on)
        if state is not None and is_open(state, row.version, self._clock()):
            text = f"The server refused {name}: {state.circuit_error or state.circuit_code}"
            yield CredentialWarning(subject=subject, name=name, code="refused", text=text)

    def _ending(self, subject: str, name: str, code: str, what: str, day: date) -> Iterator[CredentialWarning]:
        today = self._clock().date()
        if day <= today + SOON:
            text = f"{what} of {name} {'ended' if day < today else 'ends'} on {day.isoformat()}."
            yield CredentialWarning(subject=subject, name=name, code=code, text=text, ends_on=day)

    def _certificate_ends(self, row: MailConfiguration | Inbox) -> Iterable[date]:
        """Return the first day on which a certificate among the secrets ends, whatever protocol they belong to."""
        ends = [end for name, sealed in row.secrets.items() for end in _ends_of(self._opened(row, name, sealed))]
        return [min(ends)] if ends else []

    def _opened(self, row: MailConfiguration | Inbox, name: str, sealed: str) -> str:
        try:
            return self._ring.open(sealed, Place.of(row, name))
        except SealBroken:  # told where it is used
            return ""


def _ends_of(secret: str) -> Iterator[date]:
    from cryptography import x509  # noqa: PLC0415 - only where there may be a certificate

    for block in _CERTIFICATE.findall(secret):
        try:
            yield x509.load_pem_x509_certificate(block.encode()).not_valid_after_utc.date()
        except ValueError:
            continue
