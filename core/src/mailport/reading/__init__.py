"""Bytes to header values and content; whatever arrives is read, nothing raises, and the time is bounded (SEC-07).

``headers`` and ``mailboxes`` read the head, ``parts`` cuts the body, ``transfer`` and ``words`` decode, ``content`` puts
together what a message says.
"""

from mailport.reading.content import ReadContent
from mailport.reading.headers import HEADER_LIMIT, Headers, Original, split_headers

__all__ = ["HEADER_LIMIT", "Headers", "Original", "ReadContent", "split_headers"]
