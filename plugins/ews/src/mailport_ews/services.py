"""The services of exchangelib that we use, each asked once: they build the requests and read the answers.

exchangelib's own calls retry, send a message again in other versions of the schema, and end at the first item that failed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from exchangelib.errors import EWSError
from exchangelib.services import (
    CreateFolder,
    CreateItem,
    DeleteItem,
    FindFolder,
    FindItem,
    GetFolder,
    GetItem,
    MoveItem,
    SyncFolderItems,
    UpdateItem,
)
from exchangelib.services.common import EWSAccountService, EWSService, folder_ids_element
from exchangelib.util import TNS, create_element

from mailport_ews.body import Body, Mime, split
from mailport_ews.exchange import LARGEST

__all__ = [
    "AddFolder",
    "DeleteMail",
    "FetchMail",
    "ListChanges",
    "ListFolders",
    "LookAtFolder",
    "MarkMail",
    "MoveMail",
    "Once",
    "SearchMail",
    "SendMail",
]


class Once(EWSAccountService):
    """A service that is asked once and tells each item's own outcome."""

    ERRORS_TO_CATCH_IN_RESPONSE = (EWSError,)
    WARNINGS_TO_CATCH_IN_RESPONSE = (EWSError,)

    def ask(self, payload: Any, *, streams: dict[str, Mime] | None = None, largest: int = LARGEST) -> list[Any]:
        """Return, for each item asked about, the answer's element or the library's error."""
        return self.read(self.account.ask(Body(self.pieces(payload, streams)), self._extra_headers(), largest))

    def pieces(self, payload: Any, streams: dict[str, Mime] | None = None) -> Sequence[bytes | Mime]:
        """Return the request in pieces."""
        return split(self.wrap(payload, self.account.version.api_version), streams or {})

    def read(self, body: Any) -> list[Any]:
        """Return the outcomes in a SOAP body; raises the library's errors for a fault."""
        return [self._outcome(message) for message in self._get_soap_messages(body=body)]

    def _outcome(self, message: Any) -> Any:
        # The base class's own, not that of SyncFolderItems, which takes every answer for a good one.
        outcome = EWSService._get_element_container(self, message)
        return message if outcome is True else outcome

    @staticmethod
    def _get_exception(code: str, text: str, msg_xml: Any = None, rule_errors: Any = None) -> Any:
        error = EWSService._get_exception(code, text or "", msg_xml, rule_errors)
        for value in [] if msg_xml is None else msg_xml.findall(f"{{{TNS}}}Value"):
            if value.get("Name") == "BackOffMilliseconds" and (value.text or "").strip().isdigit():
                error.back_off = int(value.text) / 1000
        return error


class SendMail(Once, CreateItem):
    """Sends messages that are nothing but their MIME.

    exchangelib would write defaults of its own after it (Importance, Sensitivity, receipts), which override its headers.
    """

    def payload(self, tokens: Sequence[str], saved_to: Any) -> Any:
        """Return a request with a token for each message; ``saved_to`` is the folder of the copies, or None."""
        disposition = "SendOnly" if saved_to is None else "SendAndSaveCopy"
        payload = create_element("m:CreateItem", attrs={"MessageDisposition": disposition})
        if saved_to is not None:
            payload.append(folder_ids_element([saved_to], version=self.account.version, tag="m:SavedItemFolderId"))
        items = create_element("m:Items")
        for token in tokens:
            message, content = create_element("t:Message"), create_element("t:MimeContent", attrs={"CharacterSet": "UTF-8"})
            content.text = token
            message.append(content)
            items.append(message)
        payload.append(items)
        return payload


class FetchMail(Once, GetItem):
    """Reads messages."""


class ListChanges(Once, SyncFolderItems):
    """Lists what is new in a folder."""


class MarkMail(Once, UpdateItem):
    """Marks messages as read."""


class MoveMail(Once, MoveItem):
    """Moves messages."""


class DeleteMail(Once, DeleteItem):
    """Deletes messages."""


class SearchMail(Once, FindItem):
    """Looks for a message."""


class ListFolders(Once, FindFolder):
    """Lists the folders in a folder."""


class LookAtFolder(Once, GetFolder):
    """Looks at a folder."""


class AddFolder(Once, CreateFolder):
    """Creates a folder."""
