"""A message to RFC 5322 bytes that any server takes: ASCII, CRLF line ends, short lines.

``fields`` and ``words`` write the head, ``parts`` the body, ``wire`` cuts both into chunks.
"""

from mailport.rendering.wire import CHUNK, render

__all__ = ["CHUNK", "render"]
