"""The OpenAPI document: what FastAPI derives, with the errors as they are sent."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from mailport_workspace.api.errors import MEDIA_TYPE

__all__ = ["Application"]


class Application(FastAPI):
    """FastAPI with an exact document: errors are problem documents, and only what has a body can have a bad one."""

    def openapi(self) -> dict[str, Any]:
        """Return the document, made once."""
        if self.openapi_schema is None:
            document = super().openapi()
            for path in document["paths"].values():
                for operation in path.values():
                    _correct(operation)
        return super().openapi()


def _correct(operation: dict[str, Any]) -> None:
    if "requestBody" not in operation:
        for status in ("400", "413", "415"):
            operation["responses"].pop(status, None)
    for status, response in operation["responses"].items():
        if status >= "400":
            response["content"] = {MEDIA_TYPE: next(iter(response["content"].values()))}
