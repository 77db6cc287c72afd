"""HTML of mails, made harmless: no script, no style, nothing that is loaded from elsewhere (SEC-06)."""

from __future__ import annotations

import nh3

__all__ = ["harmless"]

_ATTRIBUTES = {
    "*": {"dir", "lang"},
    "a": {"href", "title"},
    "img": {"src", "alt", "width", "height"},
    "ol": {"start"},
    "td": {"align", "colspan", "rowspan"},
    "th": {"align", "colspan", "rowspan"},
}


def harmless(html: str) -> tuple[str, bool]:
    """Return the HTML as a fragment that may be shown, and whether it wanted to load images from elsewhere.

    Images of the mail itself keep their ``cid:`` address, which no browser loads. Links stay, and give away no referrer.
    """
    is_remote = False

    def keep(tag: str, name: str, value: str) -> str | None:
        nonlocal is_remote
        is_own = value.strip().lower().startswith("cid:")
        if (tag, name) != ("img", "src"):
            return None if is_own else value
        is_remote = is_remote or not is_own
        return value if is_own else None

    cleaned = nh3.clean(
        html,
        clean_content_tags={"script", "style", "title", "template"},
        attributes=_ATTRIBUTES,
        attribute_filter=keep,
        url_schemes={"http", "https", "mailto", "cid"},
        url_relative="deny",
    )
    return cleaned, is_remote
