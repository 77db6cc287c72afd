"""Failures of the file system as mailport errors."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from mailport.errors import ConfigurationError, MailportError, NotFound, PermissionDenied, Uncertain, Unreachable

__all__ = ["explain", "translated"]

_DENIED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_NO_DIRECTORY = frozenset({errno.ELOOP, errno.ENOTDIR})  # what opening a link says depends on the system
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


@contextmanager
def translated() -> Iterator[None]:
    """Turn what the file system raises inside the block into our errors."""
    try:
        yield
    except MailportError:
        raise
    except OSError as error:
        raise explain(error) from error


def explain(error: OSError, *, handed_over: bool = False) -> MailportError:
    """Return the error that tells a person what to do. The operator's paths are not told."""
    why = error.strerror or type(error).__name__
    if handed_over:
        return Uncertain(f"The message was delivered, and writing it to the disk failed: {why}.")
    if error.errno in _DENIED:
        return PermissionDenied(
            f"The directory cannot be used: {why}.",
            code="permission.directory",
            field="directory",
            remedy="Have the operator give this service the right to read and write it.",
        )
    if error.errno in _NO_DIRECTORY:
        return ConfigurationError(
            "The directory is a link, or no directory.",
            code="folder.no_directory",
            field="directory",
            remedy="Choose another name, or have the operator replace it by a directory.",
        )
    if error.errno == errno.ENOENT:
        return NotFound("The folder does not exist.", field="folder", remedy="Check the folder's name.")
    if error.errno in _FULL:
        return Unreachable(
            f"The disk is full: {why}.", code="send.disk_full", remedy="Have the operator free some space; nothing was sent."
        )
    return Unreachable(f"The directory cannot be used: {why}.", code="folder.failed", remedy="Try again later.")
