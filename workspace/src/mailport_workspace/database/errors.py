"""What a database refuses, in our own words: its own text may hold what was to be stored."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, InterfaceError, OperationalError

from mailport.errors import ConfigurationError, Unreachable

__all__ = ["database_errors"]

_TRY_AGAIN = "Try again; if it stays so, look at the database."
# By SQLite's name of the error and PostgreSQL's state, or how they begin: what happened, and what helps.
_CAUSES = {
    "SQLITE_BUSY": ("The database is locked: another process writes to it for long.", "Stop that process, or try again."),
    "SQLITE_LOCKED": ("The database is locked: another process writes to it for long.", "Stop that process, or try again."),
    "SQLITE_FULL": ("The disk of the database is full.", "Make room on it."),
    "SQLITE_READONLY": ("The database file cannot be written.", "Check the rights on the file and on its folder."),
    "SQLITE_CANTOPEN": ("The database file cannot be opened.", "Check that its folder is there, and the rights on it."),
    "SQLITE_IOERR": ("The disk of the database fails, or is full.", "Check the disk, and the space left on it."),
    "53100": ("The disk of the database is full.", "Make room on it."),
    "53300": ("The database takes no more connections.", "Raise its max_connections, or run fewer processes."),
    "28": ("The database refuses the sign-in.", "Check user and password in MAILPORT_DATABASE_URL and its kin."),
    "3D": ("The database does not exist.", "Create it, or correct MAILPORT_DATABASE_URL."),
}


@contextmanager
def database_errors() -> Iterator[None]:
    """Turn errors of the database into ours: ``Unreachable`` where trying again may help, else ``ConfigurationError``."""
    try:
        yield
    except IntegrityError as error:
        raise ConfigurationError(
            "Another row has the same name or key.", code="store.conflict", remedy="Reload, and try again."
        ) from error
    except DataError as error:
        raise ConfigurationError(
            "The database cannot store a value: it is too long, or holds a NUL character.", code="store.value"
        ) from error
    except (OperationalError, InterfaceError) as error:
        said, remedy = _cause(error)
        raise Unreachable(said, code="store.unavailable", remedy=remedy) from error


def _cause(error: DBAPIError) -> tuple[str, str]:
    named = str(getattr(error.orig, "sqlite_errorname", None) or getattr(error.orig, "sqlstate", None) or "")
    found = next((cause for name, cause in _CAUSES.items() if named.startswith(name)), None)
    return found or ("The database does not answer, is locked, or its disk is full.", _TRY_AGAIN)
