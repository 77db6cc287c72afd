"""What is done in a mailbox, in the words of EWS.

Every method runs in the account's thread, asks the server once (or once for each chunk) and raises mailport's errors, with the
library's as their cause.
"""

from __future__ import annotations

from binascii import a2b_base64
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any, TypeVar

from exchangelib.fields import FieldPath
from exchangelib.folders import Folder
from exchangelib.items import Message as Item
from exchangelib.properties import DistinguishedFolderId, FolderId, ItemId, Mailbox
from exchangelib.util import MNS, TNS, create_element

from mailport.account import Account
from mailport.errors import MailportError, NotFound
from mailport_ews import services
from mailport_ews.body import Body, Mime
from mailport_ews.exchange import Exchange
from mailport_ews.translate import explain_error, malformed

__all__ = ["PAGE", "Change", "Operations", "Page"]

T = TypeVar("T")

PAGE = 512
"""Changes in one answer; the most that the schema permits."""

_CHUNK = 100  # items that are marked, moved or deleted at once
_FOLDERS = 1000  # Exchange's own limit for one answer
_NO_MAIL = frozenset({"CalendarItem", "Contact", "DistributionList", "Task", "RoleMember", "Network", "Person"})
_ROOT, _INBOX = "msgfolderroot", "inbox"


@dataclass(frozen=True, slots=True)
class Change:
    """A message that is new in a folder. ``size`` is what the server counts, in bytes."""

    id: str
    size: int | None
    received_at: datetime | None
    is_read: bool


@dataclass(frozen=True, slots=True)
class Page:
    """New messages, the state after them, and whether that is the end."""

    changes: tuple[Change, ...]
    state: str
    is_last: bool


class Operations:
    """The mailbox of one account."""

    def __init__(self, account: Account, exchange: Exchange) -> None:
        self._account = account
        self._exchange = exchange

    def greeting(self) -> bytes:
        """Return the smallest request there is, to be sent without signing in."""
        service = self._service(services.LookAtFolder)
        payload = service.get_payload(folders=[self._known(_INBOX)], additional_fields=None, shape="IdOnly")
        return b"".join(piece for piece in service.pieces(payload) if isinstance(piece, bytes))

    def look_at(self, folder: FolderId) -> None:
        """Ask for a folder; raises what stands in the way of using it."""
        service = self._service(services.LookAtFolder)
        payload = service.get_payload(folders=[folder], additional_fields=None, shape="IdOnly")
        self._only(service, payload)

    def inbox(self) -> FolderId:
        """Return the inbox."""
        return self._known(_INBOX)

    def sent_items(self) -> FolderId:
        """Return the folder of sent messages."""
        return self._known("sentitems")

    def folder(self, path: Sequence[str], *, create: bool = False) -> FolderId:
        """Return the folder at ``path``, whose first name is INBOX or that of a folder beside it.

        Raises ``NotFound`` (``folder.missing``) unless it shall be created.
        """
        is_inbox = path[0].lower() == _INBOX
        found = self._known(_INBOX if is_inbox else _ROOT)
        for name in path[1:] if is_inbox else path:
            found = self._child(found, name) or self._new_folder(found, name, create=create)
        return found

    def sending(self, mimes: Sequence[Mime], *, save: bool) -> Body:
        """Return the request that sends messages, to be given to ``send``; it knows when its last byte was written."""
        service = self._service(services.SendMail)
        tokens = {token_hex(16): mime for mime in mimes}  # each stands in the XML where its message will be
        payload = service.payload(list(tokens), self.sent_items() if save else None)
        return Body(service.pieces(payload, tokens))

    def send(self, request: Body) -> list[MailportError | None]:
        """Send messages; return for each, in order, what the server has against it."""
        service = self._service(services.SendMail)
        with self._explained():
            answer = self._exchange.ask(request, service._extra_headers())
            return [self._explain(outcome) if isinstance(outcome, Exception) else None for outcome in service.read(answer)]

    def was_sent(self, message_id: str) -> bool:
        """Whether a message lies in the sent items, or still in the outbox."""
        service = self._service(services.SearchMail)
        payload = service.get_payload(
            folders=[self.sent_items(), self._known("outbox")],
            additional_fields=None,
            restriction=_IdRestriction(message_id),
            order_fields=None,
            query_string=None,
            shape="IdOnly",
            depth="Shallow",
            calendar_view=None,
            page_size=1,
        )
        answers = [self._good(outcome) for outcome in self._ask(service, payload)]
        return any(answer.find(f"{{{MNS}}}RootFolder/{{{TNS}}}Items/*") is not None for answer in answers)

    def changes(self, folder: FolderId, state: str | None, limit: int) -> Page:
        """List what is new in a folder since ``state``. Raises ``NotFound`` (``read.cursor``) for a state that is unknown."""
        service = self._service(services.ListChanges)
        payload = service.get_payload(
            folder=folder,
            shape="IdOnly",
            additional_fields=_paths("size", "datetime_received", "is_read"),
            sync_state=state,
            ignore=None,
            max_changes_returned=min(limit, PAGE),
            sync_scope="NormalItems",
        )
        return self._page(self._only(service, payload))

    def mime(self, ids: Sequence[str], *, largest: int) -> list[bytes | MailportError]:
        """Read messages; ``largest`` bounds the answer, in bytes."""
        service = self._service(services.FetchMail)
        payload = service.get_payload(items=_item_ids(ids), additional_fields=_paths("mime_content"), shape="IdOnly")
        answers = self._ask(service, payload, largest=largest)
        return [self._explain(answer) if isinstance(answer, Exception) else self._content(answer) for answer in answers]

    def mark_read(self, ids: Sequence[str]) -> list[MailportError | None]:
        """Mark messages as read without sending the receipts that their senders asked for."""
        service = self._service(services.MarkMail)

        def payload(chunk: Sequence[str]) -> Any:
            return service.get_payload(
                items=[(Item(id=item, is_read=True), ["is_read"]) for item in chunk],
                conflict_resolution="AlwaysOverwrite",
                message_disposition="SaveOnly",
                send_meeting_invitations_or_cancellations="SendToNone",
                suppress_read_receipts=True,
            )

        return [self._failure(outcome) for outcome in self._in_chunks(service, payload, ids)]

    def delete(self, ids: Sequence[str]) -> list[MailportError | None]:
        """Move messages to the deleted items, from where a person can bring them back."""
        service = self._service(services.DeleteMail)

        def payload(chunk: Sequence[str]) -> Any:
            return service.get_payload(
                items=_item_ids(chunk),
                delete_type="MoveToDeletedItems",
                send_meeting_cancellations="SendToNone",
                affected_task_occurrences="AllOccurrences",
                suppress_read_receipts=True,
            )

        return [self._failure(outcome) for outcome in self._in_chunks(service, payload, ids)]

    def move(self, ids: Sequence[str], folder: FolderId) -> list[str | MailportError]:
        """Move messages; return their new ids, empty where the server does not tell."""
        service = self._service(services.MoveMail)

        def payload(chunk: Sequence[str]) -> Any:
            return service.get_payload(items=_item_ids(chunk), to_folder=folder)

        outcomes = self._in_chunks(service, payload, ids)
        return [self._explain(outcome) if isinstance(outcome, Exception) else _new_id(outcome) for outcome in outcomes]

    def _service(self, kind: Callable[..., T]) -> T:
        return kind(account=self._exchange)

    def _known(self, name: str) -> FolderId:
        """Return one of the folders that every mailbox has, of this mailbox whoever signs in."""
        return DistinguishedFolderId(id=name, mailbox=Mailbox(email_address=self._account.user_name))

    def _child(self, parent: FolderId, name: str) -> FolderId | None:
        service = self._service(services.ListFolders)
        payload = service.get_payload(
            folders=[parent],
            additional_fields=[FieldPath(field=Folder.get_field_by_fieldname("name"))],
            restriction=None,
            shape="IdOnly",
            depth="Shallow",
            page_size=_FOLDERS,
        )
        folders = self._only(service, payload).findall(f"{{{MNS}}}RootFolder/{{{TNS}}}Folders/*")
        for folder in folders:
            if (folder.findtext(f"{{{TNS}}}DisplayName") or "").lower() == name.lower():
                return _folder_id(folder)
        return None

    def _new_folder(self, parent: FolderId, name: str, *, create: bool) -> FolderId:
        if not create:
            raise NotFound(
                f"There is no folder “{name}”.",
                code="folder.missing",
                field="folder",
                remedy="Correct Folder, or create it in the mailbox.",
            )
        service = self._service(services.AddFolder)
        try:
            answer = self._only(service, service.get_payload(folders=[Folder(name=name)], parent_folder=parent))
        except MailportError as error:
            found = self._child(parent, name) if error.provider_code == "ErrorFolderExists" else None
            if found is None:
                raise
            return found  # somebody else created it meanwhile
        return _folder_id(answer.find(f"{{{MNS}}}Folders/*"))

    def _page(self, answer: Any) -> Page:
        state = answer.findtext(f"{{{MNS}}}SyncState")
        if not state:
            raise malformed("The answer has no synchronisation state.")
        created = answer.findall(f"{{{MNS}}}Changes/{{{TNS}}}Create/*")
        is_last = answer.findtext(f"{{{MNS}}}IncludesLastItemInRange", "true").strip().lower() in ("true", "1")
        return Page(tuple(_change(item) for item in created if _is_mail(item)), state, is_last)

    def _content(self, answer: Any) -> bytes | MailportError:
        text = answer.findtext(f"{{{MNS}}}Items/*/{{{TNS}}}MimeContent")
        if text is None:
            return malformed("The server returned a message without its content.")
        try:
            return a2b_base64(text)
        except ValueError:
            return malformed("The server returned a message whose content is not base64.")

    def _in_chunks(self, service: Any, payload: Callable[[Sequence[str]], Any], ids: Sequence[str]) -> Iterator[Any]:
        for at in range(0, len(ids), _CHUNK):
            chunk = ids[at : at + _CHUNK]
            answers = self._ask(service, payload(chunk))
            if len(answers) != len(chunk):
                raise malformed("The server answered for another number of messages than it was asked about.")
            yield from answers

    def _only(self, service: Any, payload: Any) -> Any:
        answers = self._ask(service, payload)
        if len(answers) != 1:
            raise malformed("The server gave another number of answers than one.")
        return self._good(answers[0])

    def _ask(self, service: Any, payload: Any, **bounds: int) -> list[Any]:
        with self._explained():
            answers: list[Any] = service.ask(payload, **bounds)
            return answers

    def _good(self, outcome: Any) -> Any:
        if isinstance(outcome, Exception):
            raise self._explain(outcome) from outcome
        return outcome

    def _failure(self, outcome: Any) -> MailportError | None:
        return self._explain(outcome) if isinstance(outcome, Exception) else None

    def _explain(self, error: Exception) -> MailportError:
        explained = explain_error(error, self._account)
        if explained is not error:
            explained.__cause__ = error
            explained.request_id = self._exchange.request_id
        return explained

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except MailportError:
            raise
        except Exception as error:  # exchangelib has some 400 classes, and builtins for what it did not expect
            raise self._explain(error) from error


class _IdRestriction:
    """The condition that a message has a certain Message-ID, as exchangelib asks for conditions."""

    def __init__(self, message_id: str) -> None:
        self._message_id = message_id

    def to_xml(self, version: Any) -> Any:  # noqa: ARG002 - the library's signature
        restriction, equal = create_element("m:Restriction"), create_element("t:IsEqualTo")
        constant = create_element("t:FieldURIOrConstant")
        equal.append(create_element("t:FieldURI", attrs={"FieldURI": "message:InternetMessageId"}))
        constant.append(create_element("t:Constant", attrs={"Value": self._message_id}))
        equal.append(constant)
        restriction.append(equal)
        return restriction


def _paths(*names: str) -> list[FieldPath]:
    return [FieldPath(field=Item.get_field_by_fieldname(name)) for name in names]


def _item_ids(ids: Sequence[str]) -> list[ItemId]:
    return [ItemId(id=item) for item in ids]


def _folder_id(folder: Any) -> FolderId:
    return FolderId(id=folder.find(f"{{{TNS}}}FolderId").get("Id"))


def _new_id(answer: Any) -> str:
    found = answer.find(f"{{{MNS}}}Items/*/{{{TNS}}}ItemId")
    return "" if found is None else str(found.get("Id"))


def _is_mail(item: Any) -> bool:
    return item.tag.rpartition("}")[2] not in _NO_MAIL


def _change(item: Any) -> Change:
    size = item.findtext(f"{{{TNS}}}Size")
    return Change(
        id=str(item.find(f"{{{TNS}}}ItemId").get("Id")),
        size=int(size) if size else None,
        received_at=_time(item.findtext(f"{{{TNS}}}DateTimeReceived")),
        is_read=item.findtext(f"{{{TNS}}}IsRead", "").strip().lower() in ("true", "1"),
    )


def _time(text: str | None) -> datetime | None:
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
