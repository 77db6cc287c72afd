"""What went wrong, as problem documents (RFC 9457): a stable code, a remedy, and a pointer to each field at fault."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException

from mailport.errors import (
    AuthenticationFailed,
    ConfigurationError,
    MailportError,
    NotFound,
    PermissionDenied,
    Problem,
    Refused,
    Throttled,
    Uncertain,
    Unreachable,
    UnsupportedFeature,
)

__all__ = ["MEDIA_TYPE", "below", "can_fail_with", "install", "problem"]

MEDIA_TYPE = "application/problem+json"

_STATUS: tuple[tuple[type[MailportError], int], ...] = (
    (ConfigurationError, 422),
    (UnsupportedFeature, 422),
    (AuthenticationFailed, 401),
    (PermissionDenied, 403),
    (NotFound, 404),
    (Refused, 409),
    (Uncertain, 409),
    (Throttled, 429),
    (Unreachable, 503),
)
_STATUS_OF_CODE = {
    "store.conflict": 409,
    "store.state": 409,
    "store.stale": 412,
    "mail.busy": 409,
    "record.type_in_use": 409,
    "record.state_in_use": 409,
    "request.precondition": 428,
    "request.malformed": 400,
    "secret.unreadable": 503,
}
_CODES = {
    400: "request.malformed",
    404: "http.not_found",
    405: "http.method_not_allowed",
    413: "http.content_too_large",
    415: "http.unsupported_media_type",
}
_SAID = {
    400: "The request cannot be read.",
    401: "Sign in first.",
    403: "You may not do this.",
    404: "There is no such thing.",
    405: "This cannot be done with that method.",
    409: "The present state does not allow this.",
    412: "Somebody else changed it meanwhile.",
    413: "The request is too large.",
    415: "The content type is not one that is read here.",
    422: "Something in the request is wrong.",
    428: "Say which version you change.",
    429: "Too many tries.",
    500: "Something went wrong here.",
    503: "Not available at the moment.",
}


class FieldProblem(BaseModel):
    """One thing that is wrong: ``pointer`` leads to it in the body, ``parameter`` names it in path, query or header."""

    pointer: str | None = None
    parameter: str | None = None
    code: str
    detail: str
    remedy: str | None = None


class ProblemDocument(BaseModel):
    """The answer to a request that failed."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:mailport:problem:settings.missing",
                    "title": "Something in the request is wrong.",
                    "status": 422,
                    "detail": "Host is required.",
                    "code": "settings.missing",
                    "errors": [{"pointer": "#/host", "code": "settings.missing", "detail": "Host is required."}],
                }
            ]
        }
    )

    type: str
    title: str
    status: int
    detail: str
    code: str
    remedy: str | None = None
    retry_after: float | None = None
    request_id: str | None = None
    errors: list[FieldProblem] | None = None


def can_fail_with(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the ``responses`` of a route that declare these problems, beside those that every route has."""
    return {status: {"model": ProblemDocument, "description": _SAID[status]} for status in sorted(statuses)}


def problem(
    status: int,
    code: str,
    detail: str = "",
    *,
    headers: Mapping[str, str] | None = None,
    errors: Sequence[FieldProblem] = (),
    **facts: Any,
) -> Response:
    """Return a problem document as answer."""
    title = _SAID.get(status) or HTTPStatus(status).phrase
    document = ProblemDocument(
        type=f"urn:mailport:problem:{code}",
        title=title,
        status=status,
        detail=detail or title,
        code=code,
        errors=list(errors) or None,
        **{name: value or None for name, value in facts.items()},
    )
    content = document.model_dump_json(exclude_none=True)
    return Response(content, status, dict(headers or {}), MEDIA_TYPE)


@contextmanager
def below(place: Callable[[str], Sequence[str]]) -> Iterator[None]:
    """Point into the body where its fields are not those that the error names: ``place`` returns the path of a field."""
    try:
        yield
    except ConfigurationError as error:
        raise _Located(error, place) from error


class _Located(Exception):
    """An error whose fields stand elsewhere in the body."""

    def __init__(self, error: ConfigurationError, place: Callable[[str], Sequence[str]]) -> None:
        super().__init__(error.message)
        self.error = error
        self.place = place


def install(app: FastAPI) -> None:
    """Let every error of ``app`` end in a problem document."""
    app.add_exception_handler(MailportError, _of_ours)
    app.add_exception_handler(_Located, _of_located)
    app.add_exception_handler(RequestValidationError, _of_validation)
    app.add_exception_handler(HTTPException, _of_http)


async def _of_ours(_request: Request, error: Exception) -> Response:
    assert isinstance(error, MailportError)  # noqa: S101 - this handler is registered for it
    return _answer(error, lambda field: [field])


async def _of_located(_request: Request, located: Exception) -> Response:
    assert isinstance(located, _Located)  # noqa: S101 - this handler is registered for it
    return _answer(located.error, located.place)


def _answer(error: MailportError, place: Callable[[str], Sequence[str]]) -> Response:
    status = _STATUS_OF_CODE.get(error.code) or next((s for kind, s in _STATUS if isinstance(error, kind)), 500)
    return problem(
        status,
        error.code,
        error.message,
        headers=_headers(status, error.retry_after),
        errors=list(_of_fields(error, place)),
        remedy=error.remedy,
        retry_after=error.retry_after,
    )


def _headers(status: int, retry_after: float | None) -> dict[str, str]:
    headers = {} if retry_after is None else {"Retry-After": str(int(retry_after) + 1)}
    return headers | ({"WWW-Authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else {})


def _of_fields(error: MailportError, place: Callable[[str], Sequence[str]]) -> Iterable[FieldProblem]:
    problems = error.problems if isinstance(error, ConfigurationError) else ()
    if not problems and error.field:
        problems = (Problem(error.field, error.code, error.message, error.remedy),)
    for found in problems:
        pointer = _pointer(place(found.field))
        yield FieldProblem(pointer=pointer, code=found.code, detail=found.message, remedy=found.remedy or None)


def _pointer(parts: Iterable[object]) -> str:
    """Return a JSON pointer (RFC 6901) as a fragment."""
    return "#" + "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts if part != "")


async def _of_validation(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - this handler is registered for it
    details = error.errors()
    if any(detail["type"] == "json_invalid" for detail in details):
        return problem(400, "request.malformed", "The body is no JSON.")
    errors = [_of_detail(detail) for detail in details]
    return problem(422, "request.invalid", " ".join(found.detail for found in errors[:3]), errors=errors)


def _of_detail(detail: Mapping[str, Any]) -> FieldProblem:
    """Say what is wrong; what was given is not repeated: it may be a secret."""
    where, *path = detail["loc"]
    code = "request.unknown_field" if detail["type"] == "extra_forbidden" else f"request.{detail['type']}"
    said = f"{'.'.join(map(str, path)) or where}: {detail['msg'].removeprefix('Value error, ')}."
    if where == "body":
        return FieldProblem(pointer=_pointer(path), code=code, detail=said)
    return FieldProblem(parameter=str(path[0]) if path else str(where), code=code, detail=said)


async def _of_http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - this handler is registered for it
    return problem(error.status_code, _CODES.get(error.status_code, f"http.{error.status_code}"), headers=error.headers)
