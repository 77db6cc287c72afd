"""What the server does: each operation takes a request's element and returns the outcome of each item."""

import re
import secrets
from base64 import b64decode
from collections.abc import Callable, Iterator
from email.parser import BytesHeaderParser
from email.policy import SMTP
from email.utils import getaddresses
from functools import partial
from typing import Any

from lxml import etree

from tests.peers.fake_ews.answers import MESSAGES, TYPES, Failed, folder_element, item_id, m, t
from tests.peers.fake_ews.store import FolderBox, Lost, Mail, MailStore

NS = {"m": MESSAGES, "t": TYPES}
_BCC = re.compile(rb"^bcc:[^\n]*\n(?:[ \t][^\n]*\n)*", re.IGNORECASE | re.MULTILINE)
Verdict = Callable[[bytes], Failed | None]


class Mailroom:
    """All mailboxes, and what is decided about messages."""

    def __init__(self) -> None:
        self.stores: dict[str, MailStore] = {}
        self.arrived: dict[str, list[bytes]] = {}
        self.verdict: Verdict = lambda _: None  # what is said against a message
        self.item_fault: Failed | None = None  # what is said against every item that is read, marked, moved or deleted

    def store(self, address: str) -> MailStore:
        """The mailbox of an address. Raises `Failed`."""
        if address.lower() not in self.stores:
            raise Failed("ErrorNonExistentMailbox", "The SMTP address has no mailbox associated with it.")
        return self.stores[address.lower()]

    def deliver(self, mime: bytes) -> None:
        """Bring a message to all whom its headers name, without the header that nobody may see."""
        head, gap, body = mime.partition(b"\r\n\r\n")
        headers = BytesHeaderParser(policy=SMTP).parsebytes(head + gap)
        names = [str(value) for name in ("to", "cc", "bcc") for value in headers.get_all(name, [])]
        recipients = dict.fromkeys(address.lower() for _, address in getaddresses(names))
        if not recipients:
            raise Failed("ErrorMissingRecipients")
        seen = _BCC.sub(b"", head + b"\r\n")[:-2] + gap + body
        for address in recipients:
            self.arrived.setdefault(address, []).append(seen)
            if address in self.stores:
                self.stores[address].put(seen)


class Operations:
    """The operations as one user in one mailbox; `may_use` says whose mailboxes."""

    def __init__(self, room: Mailroom, mailbox: str, may_use: set[str]) -> None:
        self._room = room
        self._mailbox = mailbox
        self._may_use = may_use
        self.contents: dict[bytes, bytes] = {}  # what shall stand in the answer where a token stands

    def run(self, request: Any) -> list[Any]:
        """The outcomes of a request."""
        return _BY_NAME[etree.QName(request).localname](self, request)

    def create_item(self, request: Any) -> list[Any]:
        saves = request.get("MessageDisposition") == "SendAndSaveCopy"
        saved_to = self._folder(request.find("m:SavedItemFolderId", NS)[0]) if saves else None
        contents = request.iterfind("m:Items/*/t:MimeContent", NS)
        return [self._each(partial(self._send, b64decode(text), saved_to)) for text in _texts(contents)]

    def _send(self, mime: bytes, saved_to: tuple[MailStore, FolderBox] | None) -> list[Any]:
        if (refused := self._room.verdict(mime)) is not None:
            raise refused
        self._room.deliver(mime)
        if saved_to is not None:
            saved_to[0].put(mime, "sentitems", seen=True)
        return [m.Items()]

    def get_item(self, request: Any) -> list[Any]:
        wants_mime = bool(request.xpath(".//t:FieldURI[@FieldURI='item:MimeContent'] | .//t:IncludeMimeContent", namespaces=NS))
        return self._items(request, lambda _, mail: [m.Items(self._item(mail, with_mime=wants_mime))])

    def _item(self, mail: Mail, *, with_mime: bool) -> Any:
        """A message; its content is put into the finished answer, because XML libraries are slow with megabytes."""
        if not with_mime:
            return getattr(t, mail.kind)(item_id(mail))
        token = secrets.token_hex(16)
        self.contents[token.encode()] = mail.base64
        return getattr(t, mail.kind)(t.MimeContent(token, CharacterSet="UTF-8"), item_id(mail))

    def update_item(self, request: Any) -> list[Any]:
        def update(change: Any) -> list[Any]:
            store, mail = self._mail(change.find("t:ItemId", NS).get("Id"))
            value = change.findtext("t:Updates/t:SetItemField/t:Message/t:IsRead", namespaces=NS)
            store.mark(mail.id, seen=value in ("true", "1"))
            return [m.Items(t.Message(item_id(mail))), m.ConflictResults(t.Count("0"))]

        changes = request.iterfind("m:ItemChanges/t:ItemChange", NS)
        return [self._each(partial(update, change)) for change in changes]

    def move_item(self, request: Any) -> list[Any]:
        target = self._folder(request.find("m:ToFolderId", NS)[0])[1]

        def move(store: MailStore, mail: Mail) -> list[Any]:
            moved = store.move(mail.id, target)
            assert moved is not None
            return [m.Items(t.Message(item_id(moved)))]

        return self._items(request, move)

    def delete_item(self, request: Any) -> list[Any]:
        def delete(store: MailStore, mail: Mail) -> list[Any]:
            if request.get("DeleteType") == "MoveToDeletedItems":
                store.move(mail.id, store.folders[store.known["deleteditems"]])
            else:
                store.remove(mail.id)
            return []

        return self._items(request, delete)

    def sync_folder_items(self, request: Any) -> list[Any]:
        return [self._each(lambda: self._sync(request))]

    def _sync(self, request: Any) -> list[Any]:
        store, folder = self._folder(request.find("m:SyncFolderId", NS)[0])
        most = int(request.findtext("m:MaxChangesReturned", namespaces=NS))
        try:
            changes = store.changes(folder, request.findtext("m:SyncState", namespaces=NS), most)
        except Lost:
            raise Failed("ErrorInvalidSyncStateData", "Synchronization state data is corrupt.") from None
        listed = [_change(what, item, folder) for what, item in changes.found]
        last = "true" if changes.is_last else "false"
        return [m.SyncState(changes.state), m.IncludesLastItemInRange(last), m.Changes(*listed)]

    def find_item(self, request: Any) -> list[Any]:
        wanted = request.find(".//t:Constant", NS).get("Value")

        def search(parent: Any) -> list[Any]:
            _, folder = self._folder(parent)
            found = [t.Message(item_id(mail)) for mail in folder.mails.values() if mail.message_id == wanted]
            return [m.RootFolder(t.Items(*found), **_paging(len(found)))]

        parents = request.find("m:ParentFolderIds", NS)
        return [self._each(partial(search, parent)) for parent in parents]

    def find_folder(self, request: Any) -> list[Any]:
        def search(parent: Any) -> list[Any]:
            store, folder = self._folder(parent)
            found = [folder_element(box, len(store.children(box.id))) for box in store.children(folder.id)]
            return [m.RootFolder(t.Folders(*found), **_paging(len(found)))]

        parents = request.find("m:ParentFolderIds", NS)
        return [self._each(partial(search, parent)) for parent in parents]

    def get_folder(self, request: Any) -> list[Any]:
        def look(wanted: Any) -> list[Any]:
            store, folder = self._folder(wanted)
            return [m.Folders(folder_element(folder, len(store.children(folder.id))))]

        return [self._each(partial(look, wanted)) for wanted in request.find("m:FolderIds", NS)]

    def create_folder(self, request: Any) -> list[Any]:
        def create(wanted: Any) -> list[Any]:
            store, parent = self._folder(request.find("m:ParentFolderId", NS)[0])
            name = wanted.findtext("t:DisplayName", namespaces=NS)
            if any(box.name == name for box in store.children(parent.id)):
                raise Failed("ErrorFolderExists", "A folder with the specified name already exists.")
            return [m.Folders(folder_element(store.add_folder(name, parent.id), 0))]

        return [self._each(partial(create, wanted)) for wanted in request.find("m:Folders", NS)]

    def _each(self, work: Callable[[], list[Any]]) -> Any:
        try:
            return work()
        except Failed as failed:
            return failed

    def _items(self, request: Any, work: Callable[[MailStore, Mail], list[Any]]) -> list[Any]:
        ids = [each.get("Id") for each in request.find("m:ItemIds", NS)]

        def found(item: str) -> list[Any]:
            return work(*self._mail(item))

        return [self._each(partial(found, item)) for item in ids]

    def _mail(self, item: str) -> tuple[MailStore, Mail]:
        if self._room.item_fault is not None:
            raise self._room.item_fault
        for address in self._may_use:
            store = self._room.store(address)
            if (found := store.find(item)) is not None:
                return store, found[1]
        raise Failed("ErrorItemNotFound", "The specified object was not found in the store.")

    def _folder(self, wanted: Any) -> tuple[MailStore, FolderBox]:
        if etree.QName(wanted).localname == "FolderId":
            for address in self._may_use:
                store = self._room.store(address)
                if wanted.get("Id") in store.folders:
                    return store, store.folders[wanted.get("Id")]
            raise Failed("ErrorFolderNotFound", "The specified folder could not be found in the store.")
        address = wanted.findtext("t:Mailbox/t:EmailAddress", namespaces=NS) or self._mailbox
        store = self._room.store(address)
        if address.lower() not in self._may_use:
            raise Failed("ErrorAccessDenied", "Access is denied. Check credentials and try again.")
        return store, store.folders[store.known[wanted.get("Id")]]


_BY_NAME: dict[str, Callable[[Operations, Any], list[Any]]] = {
    "CreateItem": Operations.create_item,
    "GetItem": Operations.get_item,
    "UpdateItem": Operations.update_item,
    "MoveItem": Operations.move_item,
    "DeleteItem": Operations.delete_item,
    "SyncFolderItems": Operations.sync_folder_items,
    "FindItem": Operations.find_item,
    "FindFolder": Operations.find_folder,
    "GetFolder": Operations.get_folder,
    "CreateFolder": Operations.create_folder,
}


def _texts(elements: Iterator[Any]) -> list[str]:
    return [element.text for element in elements]


def _change(what: str, item: str, folder: FolderBox) -> Any:
    mail = folder.mails.get(item)
    if what == "Delete" or mail is None:
        return t.Delete(t.ItemId(Id=item, ChangeKey="K1"))
    seen = "true" if mail.seen else "false"
    if what == "ReadFlagChange":
        return t.ReadFlagChange(item_id(mail), t.IsRead(seen))
    facts = [t.DateTimeReceived(mail.received.strftime("%Y-%m-%dT%H:%M:%SZ")), t.Size(str(len(mail.raw)))]
    return getattr(t, what)(getattr(t, mail.kind)(item_id(mail), *facts, *([t.IsRead(seen)] if mail.kind == "Message" else [])))


def _paging(count: int) -> dict[str, str]:
    return {"IndexedPagingOffset": str(count), "TotalItemsInView": str(count), "IncludesLastItemInRange": "true"}
