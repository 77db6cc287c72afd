"""What a database refuses, in our own words: its own text may hold what was to be stored."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DatabaseError, DataError, DBAPIError, IntegrityError, InterfaceError, ProgrammingError

from mailport.errors import ConfigurationError, Unreachable

__all__ = ["database_errors"]

_TRY_AGAIN = "Try again; if it stays so, look at the database."
_RESTORE = "Stop all processes, restore the last backup, and look at the disk."
_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "XX001", "XX002")
# By SQLite's name of the error and PostgreSQL's state, or how they begin: what happened, and what helps.
_CAUSES = {
    "SQLITE_BUSY": ("The database is locked: another process writes to it for long.", "Stop that process, or try again."),
    "SQLITE_LOCKED": ("The database is locked: another process writes to it for long.", "Stop that process, or try again."),
    "SQLITE_FULL": ("The disk of the database is full.", "Make room on it."),
    "SQLITE_READONLY": ("The database file cannot be written.", "Check the rights on the file and on its folder."),
    "SQLITE_CANTOPEN": ("The database file cannot be opened.", "Check that its folder is there, and the rights on it."),
    "SQLITE_IOERR": ("The disk of the database fails, or is full.", "Check the disk, and the space left on it."),
    "SQLITE_CORRUPT": ("The database file is damaged.", _RESTORE),
    "SQLITE_NOTADB": ("The database file is damaged, or no database.", _RESTORE),
    "XX001": ("The database is damaged.", _RESTORE),
    "XX002": ("An index of the database is damaged.", "Build it anew with REINDEX; look at the disk."),
    "25006": ("The database cannot be written: it is a standby, or becomes one.", "Try again; point the URL to the primary."),
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
    except ProgrammingError:
        raise  # a defect of ours, whatever the database's state
    except (DatabaseError, InterfaceError) as error:
        named = _name(error)
        said, remedy = _cause(named)
        code = "store.damaged" if named.startswith(_DAMAGED) else "store.unavailable"
        raise Unreachable(said, code=code, remedy=remedy) from error


def _name(error: DBAPIError) -> str:
    return str(getattr(error.orig, "sqlite_errorname", None) or getattr(error.orig, "sqlstate", None) or "")


def _cause(named: str) -> tuple[str, str]:
    found = next((cause for name, cause in _CAUSES.items() if named.startswith(name)), None)
    return found or ("The database does not answer, is locked, or its disk is full.", _TRY_AGAIN)
