"""One thing that was looked at, and how it was found."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum

from mailport.errors import MailportError

__all__ = ["Finding", "FindingState"]


class FindingState(StrEnum):
    """How serious a finding is."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was found at one place, in a sentence, and what a person can do about it."""

    name: str
    state: FindingState
    said: str
    remedy: str = ""

    @classmethod
    def ok(cls, name: str, said: str) -> Finding:
        """Return that all is well."""
        return cls(name=name, state=FindingState.OK, said=said)

    @classmethod
    def warning(cls, name: str, said: str, remedy: str) -> Finding:
        """Return something that a person should know."""
        return cls(name=name, state=FindingState.WARNING, said=said, remedy=remedy)

    @classmethod
    def failed(cls, name: str, said: str, remedy: str) -> Finding:
        """Return something that keeps the service from its work."""
        return cls(name=name, state=FindingState.FAILED, said=said, remedy=remedy)

    @classmethod
    def of_error(cls, name: str, error: MailportError) -> Finding:
        """Return what an error says."""
        return cls.failed(name, error.message, error.remedy)

    def as_dict(self) -> dict[str, str]:
        """Return the finding as JSON-ready data."""
        return asdict(self)
