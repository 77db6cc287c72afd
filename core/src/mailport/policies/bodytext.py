"""The text of a mail as a person reads it: the plain text, or the HTML read as text."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from mailport.errors import UnsupportedFeature
from mailport.message import Message

__all__ = ["body_text", "html_to_text", "typed_html_to_text"]

_LIMIT = 1_000_000
"""Characters of HTML that are read. The longest honest thread of mails stays below; a text above is cut, not refused."""

# What Gmail, Apple Mail, Thunderbird, Yahoo, Proton and the web and mobile programs of Outlook wrap the quoted mail in. Outlook
# for the desktop marks nothing; its quoted header is found in the text.
_QUOTED = (
    "//*[contains(concat(' ', normalize-space(@class), ' '), ' gmail_quote ')]"
    " | //blockquote[@type='cite']"
    " | //*[contains(@class, 'moz-cite-prefix') or contains(@class, 'yahoo_quoted') or contains(@class, 'protonmail_quote')]"
    " | //*[@id='divRplyFwdMsg' or @id='appendonsend' or @id='mail-editor-reference-message-container']"
    " | //*[@id='divRplyFwdMsg' or @id='appendonsend']/following-sibling::*"
)


def body_text(message: Message) -> str:
    """Return the plain text; of a mail without one, its HTML read as text (extra ``mailport[html]``)."""
    return message.text if message.text.strip() or not message.html.strip() else html_to_text(message.html)


@lru_cache(maxsize=2)  # several recognisers read the same mail, one after the other
def html_to_text(html: str) -> str:
    """Return HTML as the text that a browser shows, tables and lists included.

    Needs the extra ``mailport[html]``; raises ``UnsupportedFeature`` without it. Hidden text and everything beyond 1,000,000
    characters is left out.
    """
    return _render(_parse(html))


@lru_cache(maxsize=2)
def typed_html_to_text(html: str) -> str:
    """Return the same without what mail programs marked as quoted; all of it where nothing else is left."""
    tree = _parse(html)
    if tree is None:
        return ""
    for element in tree.xpath(_QUOTED):
        if element.getparent() is not None:
            element.drop_tree()
    return _render(tree) or html_to_text(html)


def _parse(html: str) -> Any:
    """Return the tree, or None for HTML without an element; lxml stops at a depth of 256 by itself."""
    _need_extra()
    from lxml.etree import ParserError  # noqa: PLC0415 - an extra, needed for mail without plain text
    from lxml.html import HTMLParser, document_fromstring  # noqa: PLC0415

    clean = html[:_LIMIT].encode("utf-8", "replace")  # as bytes: text with a declared encoding is refused
    try:
        return document_fromstring(clean, parser=HTMLParser(encoding="utf-8")) if clean.strip() else None
    except ParserError:
        return None


def _render(tree: Any) -> str:
    if tree is None:
        return ""
    from inscriptis.css_profiles import CSS_PROFILES  # noqa: PLC0415
    from inscriptis.html_engine import Inscriptis  # noqa: PLC0415
    from inscriptis.model.config import ParserConfig  # noqa: PLC0415

    text = Inscriptis(tree, ParserConfig(css=CSS_PROFILES["strict"].copy())).get_text()
    return "\n".join(line.rstrip() for line in text.replace("\N{NO-BREAK SPACE}", " ").splitlines()).strip()


def _need_extra() -> None:
    try:
        import inscriptis  # noqa: F401, PLC0415
    except ImportError as error:
        raise UnsupportedFeature(
            "Reading HTML as text needs a library.",
            code="recognition.html_missing",
            remedy="Install mailport[html].",
        ) from error
