"""Body templates: name, separator and value on a line set a field; a marker begins the next record (TPL-01 to TPL-10)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from mailport.message import Message
from mailport.policies import Recogniser, Stage
from mailport.policies.bodytext import body_text
from mailport.rules import RecognitionRules

__all__ = ["READY", "BodyRecord", "BodyRecords", "TemplateRecogniser", "parse", "produce"]

READY: Mapping[str, tuple[str, ...]] = {"incident": ("Subject", "Description")}
"""The fields of the templates that come with the core, by record type; a host adds what its records need."""


_READ = 1_000_000
"""Characters that are read: a mail with thousands of records stays below."""


@dataclass(frozen=True, slots=True)
class BodyRecord:
    """The fields of one record, as (name, value) in the order of the text."""

    fields: tuple[tuple[str, str], ...]

    def known(self, names: Iterable[str]) -> dict[str, str]:
        """Return the values of the fields in ``names``, spelt as there; names are compared without regard to case."""
        spelt = {_folded(name): name for name in names}
        return {spelt[_folded(name)]: value for name, value in self.fields if _folded(name) in spelt}

    def unknown(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return the names of fields that are not in ``names``: reported, they stop nothing (TPL-08)."""
        known = {_folded(name) for name in names}
        return tuple(name for name, _ in self.fields if _folded(name) not in known)

    def missing(self, mandatory: Iterable[str]) -> tuple[str, ...]:
        """Return the mandatory fields without a value: they prevent the record (TPL-04)."""
        given = {_folded(name) for name, value in self.fields if value}
        return tuple(name for name in mandatory if _folded(name) not in given)


@dataclass(frozen=True, slots=True)
class BodyRecords:
    """The records that a body describes; ``refused`` says why none was read."""

    reason: str
    records: tuple[BodyRecord, ...] = ()
    refused: str = ""


class TemplateRecogniser(Recogniser):
    """Reads the records of a body that was written after a template."""

    name = "template"
    stage = Stage.CONTENT

    def recognise(self, message: Message, rules: RecognitionRules) -> BodyRecords | None:
        """Return the records, or None where no line sets a field."""
        if rules.strict_compatibility and not message.text.strip() and message.html.strip():
            return BodyRecords("an HTML mail", refused="HTML mail is refused in compatibility mode")
        records = parse(body_text(message)[:_READ], rules.field_separator, rules.record_marker)
        fields = sum(len(record.fields) for record in records)
        return BodyRecords(f"{fields} fields in {len(records)} records", records) if records else None


def parse(text: str, separator: str, marker: str) -> tuple[BodyRecord, ...]:
    """Return the records in ``text``.

    A line that holds nothing but the marker ends a record. Only the first separator of a line counts (TPL-07). Lines without
    one, and quoted ones, are ignored.
    """
    if not separator.strip():
        return ()
    pieces = ([field for line in piece if (field := _field(line, separator))] for piece in _split(text, marker.strip()))
    return tuple(BodyRecord(tuple(fields)) for fields in pieces if fields)


def _split(text: str, marker: str) -> Iterator[list[str]]:
    piece: list[str] = []
    for line in text.splitlines():
        if marker and line.strip() == marker:
            yield piece
            piece = []
        else:
            piece.append(line)
    yield piece


def _field(line: str, separator: str) -> tuple[str, str] | None:
    name, found, value = line.partition(separator.strip())
    name = " ".join(name.split())
    return (name, value.strip()) if found and name and not name.startswith(">") else None


def produce(fields: Iterable[str], separator: str, marker: str, *, records: int = 1) -> str:
    """Return a template to fill in: the fields, one a line, for as many records as wanted (TPL-09)."""
    one = "".join(f"{name} {separator.strip()} \n" for name in fields)
    return f"{marker.strip()}\n".join([one] * records)


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())
