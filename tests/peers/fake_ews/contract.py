"""Microsoft's schemas as the judge of every request and every answer."""

import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
_CHECKOUT = Path(__file__).resolve().parents[3]


def contracts() -> Path:
    """The folder of the vendors' contracts; without it the test is skipped, or fails where they are required."""
    folder = Path(os.environ.get("MAILPORT_CONTRACTS") or _CHECKOUT.parent / "shared" / "contracts") / "ews"
    if not folder.is_dir():
        reason = f"the EWS schemas are not in {folder.parent}: set MAILPORT_CONTRACTS"
        if os.environ.get("MAILPORT_REQUIRE_CONTRACTS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return folder


@lru_cache(maxsize=1)
def _schema(folder: Path) -> etree.XMLSchema:
    # The merged file declares each type once; huge_tree lets the content of a message be of any size.
    return etree.XMLSchema(etree.parse(folder / "messages-merged.xsd", etree.XMLParser(huge_tree=True)))


def violations(envelope: Any) -> list[str]:
    """What the schemas have against the header's and the body's elements of a SOAP envelope."""
    schema = _schema(contracts())
    found = []
    for part in envelope.iterfind(f"{{{SOAP}}}*/*"):
        if part.tag == f"{{{SOAP}}}Fault":
            continue
        alone = etree.ElementTree(etree.fromstring(etree.tostring(part), etree.XMLParser(huge_tree=True)))
        if not schema.validate(alone):
            found += [f"{etree.QName(part).localname}: {error.message}" for error in schema.error_log]
    return found
