"""Stylesheets of tenants, held in bounds: what they may hold, and the process that runs one and can do nothing else.

XSLT 1.0 can loop for ever and fill the memory, so that it runs by itself: ``python -m`` this module reads the length of the
stylesheet, the stylesheet and the document, and writes what comes of them. No entities, no network, no files, no extensions.
"""

from __future__ import annotations

import resource
import sys
from typing import Any

from lxml import etree

__all__ = ["LARGEST", "SECONDS", "parse"]

LARGEST = 4 * 1024 * 1024
"""Bytes that a transformation may make."""
SECONDS = 10
_MEMORY = 768 * 1024 * 1024
_LARGEST_STYLESHEET = 256 * 1024
_XSL = "http://www.w3.org/1999/XSL/Transform"
_HARMLESS = frozenset({_XSL, "http://www.w3.org/XML/1998/namespace"})
_READS_FILES = frozenset({f"{{{_XSL}}}import", f"{{{_XSL}}}include"})


def parse(text: bytes) -> Any:
    """Return the stylesheet. Raises ``ValueError`` that says what is wrong with it."""
    if len(text) > _LARGEST_STYLESHEET:
        raise ValueError(f"it has more than {_LARGEST_STYLESHEET} bytes")
    try:
        tree = etree.fromstring(text, _parser())
        _check(tree)
        return etree.XSLT(tree, access_control=etree.XSLTAccessControl.DENY_ALL)
    except (etree.XMLSyntaxError, etree.XSLTParseError) as error:
        raise ValueError(str(error)[:300]) from error


def _parser() -> etree.XMLParser:
    return etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False)


def _check(tree: Any) -> None:
    """Refuse what reaches beyond the document: other files, a DTD, and the namespaces of extensions."""
    if tree.getroottree().docinfo.doctype:
        raise ValueError("it has a document type declaration")
    for node in tree.iter(etree.Element):
        if node.tag in _READS_FILES:
            raise ValueError("it reads another stylesheet")
        foreign = set(node.nsmap.values()) - _HARMLESS
        if foreign:
            raise ValueError(f"it uses the namespace {min(map(str, foreign))[:100]}")
    if tree.tag not in (f"{{{_XSL}}}stylesheet", f"{{{_XSL}}}transform"):
        raise ValueError("it is no stylesheet")


def _main() -> int:
    for limit, value in ((resource.RLIMIT_CPU, SECONDS), (resource.RLIMIT_AS, _MEMORY), (resource.RLIMIT_FSIZE, 0)):
        resource.setrlimit(limit, (value, value))
    size = int(sys.stdin.buffer.readline())
    sheet, document = sys.stdin.buffer.read(size), sys.stdin.buffer.read()
    try:
        made = bytes(parse(sheet)(etree.fromstring(document, _parser())))
    except (ValueError, etree.LxmlError, MemoryError) as error:
        sys.stderr.write(str(error)[:500] or "it needs too much memory")
        return 1
    if len(made) > LARGEST:
        sys.stderr.write(f"it makes more than {LARGEST} bytes")
        return 1
    sys.stdout.buffer.write(made)
    return 0


if __name__ == "__main__":
    sys.exit(_main())
