"""Google's library: what makes requests and reads answers. Imported in a thread, when the first request is made."""

from __future__ import annotations

from functools import lru_cache
from http.client import HTTPException
from typing import Any

from googleapiclient.discovery import build
from googleapiclient.errors import HttpError

from mailport.errors import MailportError
from mailport_google.fields import GoogleSettings
from mailport_google.line import Line
from mailport_google.said import read_answer
from mailport_google.translate import broken, malformed, refused

__all__ = ["execute", "users"]

_ANSWERLESS = frozenset({"gmail.users.messages.batchModify"})

_NOTHING = object()
"""Stands where the library wants an HTTP client when it makes a request: without one it would look for credentials."""


@lru_cache(maxsize=8)
def users(api_url: str) -> Any:
    """Return the API as it is described by the document that the library ships; requests are given their line later."""
    options = {"api_endpoint": api_url, "universe_domain": "googleapis.com"}
    service = build("gmail", "v1", http=_NOTHING, static_discovery=True, cache_discovery=False, client_options=options)
    return _Users(service.users())


class _Users:
    """The ``users`` resource with its collections made once: the library makes them anew for each call, 1 ms of work."""

    def __init__(self, users: Any) -> None:
        self.getProfile = users.getProfile
        self._history, self._labels, self._messages = users.history(), users.labels(), users.messages()

    def history(self) -> Any:
        """Return what ``users().history()`` returns."""
        return self._history

    def labels(self) -> Any:
        """Return what ``users().labels()`` returns."""
        return self._labels

    def messages(self) -> Any:
        """Return what ``users().messages()`` returns."""
        return self._messages


def execute(request: Any, settings: GoogleSettings, rung: str, line: Line) -> dict[str, Any]:
    """Do a request, once; return its answer. Raises a ``MailportError``."""
    try:
        answer = request.execute(http=line)
    except MailportError:
        raise
    except HttpError as error:
        raise refused(read_answer(error.resp.status, error.resp, error.content), settings, rung) from error
    except (OSError, HTTPException) as error:
        raise broken(error, rung, handed_over=line.handed_over) from error
    except UnicodeDecodeError as error:
        raise malformed(rung) from error
    if request.methodId in _ANSWERLESS:
        return {}
    if not isinstance(answer, dict):
        raise malformed(rung)
    return answer
