"""Files that go out: always as a download, never as something that a browser shows or runs (SEC-06)."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from fastapi import Response

__all__ = ["as_file", "download"]

_SHOWN_AS_THEY_ARE = ("image/png", "image/jpeg", "image/gif", "image/webp", "text/plain", "application/pdf")


def download(content: bytes, kind: str, filename: str) -> Response:
    """Return a file to be saved; kinds that could run in a browser lose their name."""
    harmless = kind if kind in _SHOWN_AS_THEY_ARE else "application/octet-stream"
    named = f"attachment; filename*=UTF-8''{quote(filename or 'file', safe='', errors='replace')}"
    headers = {"Content-Disposition": named, "Content-Security-Policy": "default-src 'none'; sandbox"}
    return Response(content, media_type=harmless, headers=headers)


def as_file(kind: str = "application/octet-stream") -> dict[int | str, dict[str, Any]]:
    """Return the ``responses`` of a route that answers with a file."""
    return {200: {"content": {kind: {"schema": {"type": "string", "format": "binary"}}}}}
