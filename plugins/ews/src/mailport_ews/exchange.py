"""One request and its answer: POST, status, and XML that is whole or refused. Runs in the account's thread.

exchangelib's own ``post_ratelimited`` and ``_get_elements`` are not used: they retry, try other versions with the same
message, hide whether a request was written, and log its content.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

import requests
from exchangelib.account import Identity
from exchangelib.credentials import DELEGATE, IMPERSONATION
from exchangelib.transport import DEFAULT_HEADERS
from exchangelib.util import SOAPNS
from exchangelib.version import EXCHANGE_2010_SP2, EXCHANGE_2013_SP1, EXCHANGE_2016, Version
from lxml import etree
from requests.auth import AuthBase

from mailport.account import Account
from mailport.errors import MailportError
from mailport_ews.body import Body
from mailport_ews.dialing import Dialer, new_session
from mailport_ews.translate import explain_status, malformed, raise_broken, request_id

__all__ = ["LARGEST", "VERSIONS", "Exchange"]

LARGEST = 64 * 1024 * 1024
"""Bytes of an answer, unless the caller expects more: lxml is told to take any size."""

VERSIONS = tuple(Version(build) for build in (EXCHANGE_2016, EXCHANGE_2013_SP1, EXCHANGE_2010_SP2))
"""The schemas that we speak, the preferred one first."""

_TAIL = 64
_SLOWEST = 1024
"""Bytes per second of an answer: a server that sends one at a time would otherwise keep a thread for days."""


class Exchange:
    """The endpoint of one account, as exchangelib's services see an account.

    Its own ``Account`` shares connections among all that have the same endpoint and credentials in the process; here TLS,
    proxy and authorities belong to the account.
    """

    default_timezone = None
    affinity_cookie = None
    credentials = None

    def __init__(self, account: Account, dialer: Dialer) -> None:
        settings: Any = account.settings
        self.primary_smtp_address = account.user_name
        self.version = VERSIONS[0]
        self.auth: AuthBase | None = None
        self.request_id: str | None = None  # by which Exchange's administrators find the last request in its logs
        self.access_type = IMPERSONATION if hasattr(settings, "client_id") else DELEGATE
        self.identity = Identity(primary_smtp_address=account.user_name)
        self._account = account
        self._url: str = settings.host
        self._session = new_session(dialer)

    @property
    def protocol(self) -> Exchange:
        """What exchangelib calls the connections of an account."""
        return self

    def status(self, xml: bytes) -> tuple[int, Mapping[str, str]]:
        """Ask without signing in; return status and headers."""
        try:
            with closing(self._post(Body([xml]), {}, None)) as response:
                _drain(response, LARGEST, self._account.timeout)
                return response.status_code, response.headers
        except (requests.RequestException, OSError, ValueError) as error:
            raise_broken(error, self._account)

    def ask(self, body: Body, headers: Mapping[str, str], largest: int = LARGEST) -> Any:
        """Send a SOAP request; return the Body element of the answer.

        Raises our errors for a broken connection, another HTTP status and an answer that is not whole.
        """
        try:
            with closing(self._post(body, headers, self.auth)) as response:
                self.request_id = request_id(response.headers)
                return self._read(response, largest)
        except MailportError as error:
            if error.provider_code is None:  # not Exchange's own words: what the connection still holds is nobody's answer
                self.close()
            raise
        except Exception as error:  # the NTLM library raises what it likes when a server strays from the handshake
            raise_broken(error, self._account)

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        self._session.close()

    def _post(self, body: Body, headers: Mapping[str, str], auth: AuthBase | None) -> requests.Response:
        return self._session.post(
            self._url,
            data=body,
            headers={**DEFAULT_HEADERS, "User-Agent": "mailport", **headers},
            auth=auth,
            timeout=self._account.timeout,
            allow_redirects=False,
            stream=True,
        )

    def _read(self, response: requests.Response, largest: int) -> Any:
        is_soap = response.status_code == 500 and "xml" in response.headers.get("Content-Type", "")
        if response.status_code != 200 and not is_soap:
            _drain(response, largest, self._account.timeout)
            raise explain_status(response.status_code, response.headers, self._account)
        return _envelope(_Answer(response, largest, self._account.timeout))


def _drain(response: requests.Response, largest: int, patience: float) -> None:
    """Read an answer that interests nobody, so that the connection can be used again."""
    answer = _Answer(response, largest, patience)
    while answer.read():
        pass


class _Answer:
    """An answer as a file that the XML parser reads: bounded in size and time, and with its last bytes remembered."""

    def __init__(self, response: requests.Response, largest: int, patience: float) -> None:
        self.tail = b""
        self._chunks: Iterator[bytes] = response.iter_content()
        self._left = largest
        self._until = time.monotonic() + patience

    def read(self, size: int = -1) -> bytes:  # noqa: ARG002 - a parser takes what it gets
        chunk = next(self._chunks, b"")
        self._left -= len(chunk)
        self._until += len(chunk) / _SLOWEST
        if self._left < 0:
            raise malformed("The server's answer is larger than anything that was asked for.")
        if time.monotonic() > self._until:
            raise TimeoutError("the answer drips")
        self.tail = (self.tail + chunk[-_TAIL:])[-_TAIL:]
        return chunk


def _envelope(answer: _Answer) -> Any:
    """Return the SOAP body.

    Exchange puts characters into XML that do not belong there, so that the parser must be lenient; it would take a truncated
    answer as well, hence the look at its end.
    """
    parser = etree.XMLParser(recover=True, huge_tree=True, resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.parse(answer, parser).getroot()
    except etree.LxmlError as error:
        raise malformed("The answer is not XML.") from error
    if root is None or root.tag != f"{{{SOAPNS}}}Envelope":
        raise malformed("The answer is not one of EWS: another page lies at this address, or something in between answers.")
    if not answer.tail.rstrip().endswith(b"Envelope>"):
        raise malformed("The answer ends in the middle.")
    if root.getroottree().docinfo.internalDTD is not None:
        raise malformed("The answer declares a document type, which SOAP forbids.")
    body = root.find(f"{{{SOAPNS}}}Body")
    if body is None:
        raise malformed("The answer has no body.")
    return body
