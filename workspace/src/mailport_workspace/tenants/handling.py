"""What is done with the mail of an inbox: the fields that no transport knows, and the rules between them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

from mailport.errors import Problem
from mailport.fields import Capabilities, MailAddress, setting
from mailport_workspace.tables import Inbox

__all__ = ["Handling", "PostProcessing", "Processor", "default_post_processing", "handling_of", "handling_problems"]

_OWN_PROCESSOR = frozenset({"incident", "problem"})
_UPDATE_ONLY = "service_request"


class Processor(StrEnum):
    """What a mail becomes."""

    INCIDENT = "incident"
    PROBLEM = "problem"
    OTHER = "other"
    EXPORT_XML = "export_xml"


class PostProcessing(StrEnum):
    """What happens in the mailbox to a message that was dealt with."""

    LEAVE = "leave"
    MARK_READ = "mark_read"
    MOVE = "move"
    DELETE = "delete"


def _processor(value: object) -> object:
    """Accept both spellings that older configurations have (VER-03)."""
    word = re.sub(r"[^a-z]", "", value.lower()) if isinstance(value, str) else value
    return Processor.EXPORT_XML if word in ("exportemailasxml", "exportxml") else word


def _record_type(value: str) -> str:
    return re.sub(r"[\s-]+", "_", value.strip().lower())


def _domain(value: str) -> str:
    domain = value.strip().lower().removeprefix("@")
    if not re.fullmatch(r"[^\s@]+", domain):
        raise ValueError("a domain is a name such as example.org")
    return domain


class Handling(BaseModel):
    """The fields of an inbox beside its account."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, str_strip_whitespace=True)

    name: str = setting(label="Name", min_length=1, max_length=200)
    enabled: bool = setting(False, label="Enabled")
    address: MailAddress | None = setting(None, label="Address")
    post_processing: PostProcessing | None = setting(None, label="Post-processing action")
    archive_folder: str = setting("Archive", label="Archive folder", min_length=1, max_length=200)
    error_folder: str = setting("Errors", label="Error folder", min_length=1, max_length=200)
    processor: Annotated[Processor, BeforeValidator(_processor)] = setting(Processor.INCIDENT, label="Email Processor")
    record_type: Annotated[str, AfterValidator(_record_type)] = setting("", label="Business object", max_length=100)
    field_separator: str = setting("::", label="Field value separator", min_length=1, max_length=20)
    record_marker: str = setting("----", label="Record marker", min_length=1, max_length=20)
    unique_key: str = setting("number", label="Unique Key", min_length=1, max_length=100)
    link_person: bool = setting(False, label="Create or link the sender")
    permitted_domains: tuple[Annotated[str, AfterValidator(_domain)], ...] = setting((), label="Permitted domains")
    import_connection: str = setting("", label="Data Import Connection", max_length=200)
    subject_field: str = setting("subject", label="Field for the subject", max_length=100, advanced=True)
    body_field: str = setting("description", label="Field for the text", max_length=100, advanced=True)

    @property
    def stored(self) -> dict[str, Any]:
        """What the row keeps as data; name and state have columns."""
        return self.model_dump(mode="json", exclude={"name", "enabled"})


def handling_of(row: Inbox) -> Handling:
    """Return what is done with the mail of a stored inbox; fields of another release are left out."""
    stored = {name: value for name, value in row.handling.items() if name in Handling.model_fields}
    return Handling.model_validate({**stored, "name": row.name, "enabled": row.enabled})


def default_post_processing(capabilities: Capabilities) -> PostProcessing:
    """Return what a new inbox does: move where there are folders, else leave."""
    return PostProcessing.MOVE if capabilities.folders else PostProcessing.LEAVE


def handling_problems(handling: Handling, capabilities: Capabilities | None, *, is_new: bool) -> Iterator[Problem]:
    """Yield what is wrong between the fields; ``capabilities`` are those of the protocol, where one is chosen."""
    if is_new and handling.link_person:
        yield _invalid("link_person", "Create or link the sender can be set once the inbox is saved.")
    if handling.enabled and handling.address is None:
        yield Problem("address", "settings.missing", "Address is required for an enabled inbox.")
    if handling.processor is Processor.OTHER:
        yield from _object_problems(handling.record_type)
    if capabilities is not None and handling.post_processing is not None:
        yield from _mailbox_problems(handling.post_processing, capabilities)


def _object_problems(record_type: str) -> Iterator[Problem]:
    if not record_type:
        yield Problem("record_type", "settings.missing", "Business object is required with Email Processor “Other”.")
    elif record_type in _OWN_PROCESSOR:
        yield _invalid("record_type", f"Choose Email Processor “{record_type.title()}” instead of “Other”.")
    elif record_type == _UPDATE_ONLY:
        yield _invalid("record_type", "Mail updates service requests and never creates them: choose another object.")


def _mailbox_problems(action: PostProcessing, capabilities: Capabilities) -> Iterator[Problem]:
    possible = [PostProcessing.LEAVE, PostProcessing.DELETE]
    possible += [PostProcessing.MARK_READ] if capabilities.mark_read else []
    possible += [PostProcessing.MOVE] if capabilities.folders else []
    if action not in possible:
        said = ", ".join(possible)
        yield _invalid("post_processing", f"This protocol cannot do that with a message. Choose one of: {said}.")


def _invalid(field: str, said: str) -> Problem:
    return Problem(field, "settings.invalid", said)
