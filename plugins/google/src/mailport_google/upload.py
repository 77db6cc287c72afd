"""The body of a media upload: rendered once into a file, sent from there piece by piece."""

from __future__ import annotations

from collections.abc import Iterable
from tempfile import SpooledTemporaryFile
from typing import Any

from googleapiclient.errors import MediaUploadSizeError
from googleapiclient.http import MediaUpload

from mailport.envelope import chunks_with_bcc
from mailport.errors import ConfigurationError
from mailport.message import Message
from mailport_google.translate import too_large

__all__ = ["RawUpload", "send_request"]

_IN_MEMORY = 1024 * 1024


class _Body:
    """What googleapiclient hands to the connection: it has a length and is read in pieces."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._file = SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - closed with the request
        try:
            self._length = sum(self._file.write(chunk) for chunk in chunks)
        except BaseException:
            self._file.close()
            raise
        self._file.seek(0)

    def __len__(self) -> int:
        return self._length

    def __bool__(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """Return the next ``size`` bytes."""
        return self._file.read(size)

    def close(self) -> None:
        """Drop the file."""
        self._file.close()


class RawUpload(MediaUpload):  # type: ignore[misc]  # the library has no types
    """A whole message as it is: no base64, no second copy in memory, no multipart, which 8-bit bytes break."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._body = _Body(chunks)

    def chunksize(self) -> int:
        """Return the size of the only piece."""
        return len(self._body)

    def mimetype(self) -> str:
        """Return the media type of a message."""
        return "message/rfc822"

    def size(self) -> int:
        """Return the number of bytes."""
        return len(self._body)

    def resumable(self) -> bool:
        """Return False: one request, one outcome."""
        return False

    def getbytes(self, begin: int, length: int) -> Any:  # noqa: ARG002 - the library asks for everything
        """Return the body."""
        return self._body

    def close(self) -> None:
        """Drop the body of a request that was never made."""
        self._body.close()


def send_request(message: Message, users: Any) -> Any:
    """Return the request that sends a message. Raises ``Refused`` where it is larger than Google's description allows."""
    upload = _upload(message)
    try:
        return users.messages().send(userId="me", media_body=upload)
    except BaseException as error:
        upload.close()
        if isinstance(error, MediaUploadSizeError):
            raise too_large() from error
        raise


def _upload(message: Message) -> RawUpload:
    try:
        return RawUpload(chunks_with_bcc(message))
    except OSError as error:
        raise ConfigurationError("The file of the message cannot be read.", code="message.unreadable") from error
