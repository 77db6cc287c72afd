"""The settings of a tenant that belong to no account and no inbox: how its mail is read, and what becomes of failures."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from mailport.fields import MailAddress, setting
from mailport_workspace.store import Store, TenantRows
from mailport_workspace.tables import Tenant
from mailport_workspace.tenants.actor import Actor
from mailport_workspace.tenants.audit import changed_fields
from mailport_workspace.tenants.values import problems_of, refuse, refuse_unstorable

__all__ = ["FinalState", "Options", "RecordStoreChoice", "TenantOptions", "UpdatesFrom", "options_of"]

SUBJECT = "options"


class FinalState(StrEnum):
    """What becomes of a mail whose record has ended (MAT-10)."""

    ATTACH = "attach"
    """It is put into the record's history, and changes nothing."""
    NEW_RECORD = "new_record"
    PARK = "park"
    """A person decides; the mail is linked to the record meanwhile."""


class UpdatesFrom(StrEnum):
    """Whose mail may change fields of a record that is there (MAT-12)."""

    ANYBODY = "anybody"
    TAKING_PART = "taking_part"
    """Users of the tenant, the record's person, and whoever wrote or got mail of the record."""


class RecordStoreChoice(StrEnum):
    """Where the records of a tenant live."""

    EMBEDDED = "embedded"
    WEBHOOK = "webhook"


class TenantOptions(BaseModel):
    """The settings of one tenant. ``max_body_text`` is in characters, ``error_summary_hours`` the period of LOG-04.

    ``record_store_url`` is where a record store elsewhere is called.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, str_strip_whitespace=True)

    strict_compatibility: bool = setting(
        False,
        label="Strict compatibility",
        help="Mail of unknown senders is discarded, a long text is replaced by a notice, HTML mail with templates is refused.",
    )
    max_body_text: int = setting(
        1_000_000,
        label="Longest text",
        help="Characters of plain text that a record keeps; a notice stands for the rest, the original stays.",
        ge=1000,
        le=5_000_000,
    )
    incident_on_failure: bool = setting(True, label="Incident on failure")
    all_mapped_objects: bool = setting(
        True, label="Honour all mapped objects", help="An inbox finds records of every type that Object Name Mapping names."
    )
    final_state: FinalState = setting(
        FinalState.ATTACH,
        label="Mail for records that have ended",
        choices={"attach": "Attach it", "new_record": "Create a new record", "park": "Park it for a person"},
    )
    updates_from: UpdatesFrom = setting(
        UpdatesFrom.TAKING_PART,
        label="Who may change fields by mail",
        choices={"taking_part": "Whoever takes part in the record", "anybody": "Anybody"},
    )
    default_unit: str = setting("Default", label="Default organisational unit", min_length=1, max_length=200)
    error_summary_address: MailAddress | None = setting(None, label="Error summary to")
    error_summary_hours: int = setting(24, label="Error summary every", help="Hours.", ge=1, le=744)
    rate_limit: int = setting(
        0,
        label="Messages a minute",
        help="That leave through the account, whichever worker sends; 0: no limit.",
        ge=0,
        le=100_000,
    )
    record_store: RecordStoreChoice = setting(
        RecordStoreChoice.EMBEDDED, label="Records", choices={"embedded": "Here", "webhook": "In another system"}
    )
    record_store_url: str = setting("", label="Address of the other system", max_length=2000)

    @field_validator("record_store_url")
    @classmethod
    def _https(cls, value: str) -> str:
        if value and not value.lower().startswith(("https://", "http://")):
            raise ValueError("an address begins with https://")
        return value


class Options:
    """The settings of all tenants."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def read(self, actor: Actor) -> dict[str, Any]:
        """Return every setting with its value or default."""
        actor.require_administrator()
        async with self._store.read(actor.tenant) as rows:
            return options_of(await rows.tenant()).model_dump(mode="json")

    async def save(self, actor: Actor, form: Mapping[str, Any]) -> None:
        """Store the settings that the form names. Raises ``ConfigurationError`` naming every field at fault."""
        actor.require_administrator()
        refuse_unstorable(form)
        async with self._store.write(actor.tenant) as rows:
            await _save(rows, actor, form)


async def _save(rows: TenantRows, actor: Actor, form: Mapping[str, Any]) -> None:
    await rows.lock_tenant()
    tenant = await rows.tenant()
    before = options_of(tenant).model_dump(mode="json")
    values = {**before, **form}
    refuse(problems_of(TenantOptions, values))
    after = TenantOptions.model_validate(values).model_dump(mode="json")
    await rows.add(*changed_fields(actor, SUBJECT, before, after))
    tenant.options = {**tenant.options, **after}


def options_of(tenant: Tenant) -> TenantOptions:
    """Return the settings of a tenant; the row keeps more. One that this release does not accept has its default."""
    stored = {name: value for name, value in tenant.options.items() if name in TenantOptions.model_fields}
    try:
        return TenantOptions.model_validate(stored)
    except ValidationError as error:
        refused = {detail["loc"][0] for detail in error.errors(include_input=False, include_url=False)}
        return TenantOptions.model_validate({name: value for name, value in stored.items() if name not in refused})
