"""A mail as an XML document, and the way from there to records by a stylesheet of the tenant (XML-01 to XML-03).

The document is ``<mail>`` with the children ``key`` (of the stored mail), ``id`` (the Message-ID), ``inbox``, ``date``,
``from``, ``to`` (one for each), ``subject``, ``body`` and ``attachment`` (its name, one for each). The stylesheet (XSLT 1.0)
makes of it

    <records><record type="incident" key="subject"><field name="subject">...</field></record></records>

where ``type`` and ``key`` (the unique key by which a record is found) may be left to the inbox. It runs in a process of its
own, with bounds on time and memory, and can read nothing but the document (SEC-07).
"""

from __future__ import annotations

import asyncio
import re
import sys
from dataclasses import dataclass
from typing import Any

from lxml import etree

from mailport.errors import ConfigurationError
from mailport_workspace.processing.stylesheets import LARGEST, SECONDS, parse

__all__ = ["Imported", "as_document", "check_stylesheet", "read_records", "transform"]

_MOST_RECORDS = 100
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Imported:
    """A record that a stylesheet made of a mail: its type and unique key, where it names them, and its fields."""

    type: str
    key: str
    fields: dict[str, str]


def as_document(facts: dict[str, str | list[str]]) -> bytes:
    """Return the document of a mail, in UTF-8; characters that XML does not have become replacement characters."""
    root = etree.Element("mail")
    for name, value in facts.items():
        for text in value if isinstance(value, list) else [value]:
            etree.SubElement(root, name).text = _NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", text)
    return bytes(etree.tostring(root, encoding="utf-8", xml_declaration=True, pretty_print=True))


def check_stylesheet(text: str) -> None:
    """Refuse what is no stylesheet of ours. Raises ``ConfigurationError`` at the field ``stylesheet``."""
    try:
        parse(text.encode())
    except ValueError as error:
        raise ConfigurationError(
            f"The stylesheet cannot be used: {error}", code="xml.stylesheet", field="stylesheet"
        ) from error


async def transform(document: bytes, stylesheet: str) -> bytes:
    """Return what the stylesheet makes of the document. Raises ``ConfigurationError`` for one that fails or has no end."""
    command = (sys.executable, "-I", "-m", "mailport_workspace.processing.stylesheets")
    pipe = asyncio.subprocess.PIPE
    worker = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe, env={})
    sheet = stylesheet.encode()
    try:
        head = f"{len(sheet)}\n".encode()
        made, said = await asyncio.wait_for(worker.communicate(head + sheet + document), SECONDS)
    except TimeoutError as error:
        raise _failed(f"it ran for more than {SECONDS} seconds") from error
    finally:
        if worker.returncode is None:
            worker.kill()
            await worker.wait()
    if worker.returncode or len(made) > LARGEST:
        raise _failed(said.decode("utf-8", "replace").strip()[:500] or "it needs too much time or memory")
    return made


def _failed(said: str) -> ConfigurationError:
    return ConfigurationError(f"The stylesheet failed: {said}.", code="xml.transformation", field="stylesheet")


def read_records(made: bytes) -> tuple[Imported, ...]:
    """Return the records in what a stylesheet made. Raises ``ConfigurationError`` for anything else."""
    try:
        root = etree.fromstring(made, _parser())
    except etree.XMLSyntaxError as error:
        raise _failed("it made no XML") from error
    if root.getroottree().docinfo.doctype:
        raise _failed("it made a document type declaration")
    if root.tag != "records":
        raise _failed(f"it made <{str(root.tag)[:60]}> in place of <records>")
    found = tuple(_record(node) for node in root.iterchildren("record"))
    if len(found) > _MOST_RECORDS:
        raise _failed(f"it made {len(found)} records, and {_MOST_RECORDS} are the most")
    return found


def _record(node: Any) -> Imported:
    fields = {field.get("name", ""): "".join(field.itertext()).strip() for field in node.iterchildren("field")}
    return Imported(node.get("type", ""), node.get("key", ""), {name: value for name, value in fields.items() if name})


def _parser() -> etree.XMLParser:
    return etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False)
