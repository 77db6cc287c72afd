"""What Graph does with each request on one mailbox."""

import base64
import binascii
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, unquote

from tests.peers.fake_graph_answers import Refusal, answer, error, folder, message, selected
from tests.peers.fake_graph_delta import delta
from tests.peers.fake_graph_http import Reply, Request
from tests.peers.fake_graph_store import File, Item, Mailbox, recipients_of, render, without_bcc
from tests.peers.fake_graph_world import World

_MIME_LIMIT = 2_240 * 1024
_REQUEST_LIMIT = 4 * 1024 * 1024
_SESSION_FROM, _SESSION_TO = 3 * 1024 * 1024, 150 * 1024 * 1024


def operate(world: World, mailbox: Mailbox, rest: str, request: Request) -> Reply:
    """Answer a request on `mailbox`; `rest` is what follows the user in the path."""
    for method, pattern, right, operation in _OPERATIONS:
        found = re.fullmatch(pattern, rest)
        if method == request.method and found:
            world.check_right(right)
            query = dict(parse_qsl(request.target.partition("?")[2], keep_blank_values=True))
            return operation(world, mailbox, request, query, *map(unquote, found.groups()))
    return error(404, "ResourceNotFound")


Query = dict[str, str]


def send_mail(world: World, mailbox: Mailbox, request: Request, _: Query) -> Reply:
    """`sendMail`, as MIME or as JSON."""
    if len(request.body) > _REQUEST_LIMIT:
        raise Refusal(413, "RequestEntityTooLarge", "maximum request length supported is 4MB.")
    if request.headers.get("content-type", "").startswith("text/plain"):
        return _send_mime(world, mailbox, request.body)
    body = request.json()
    item = mailbox.add("F-drafts", draft=body["message"], files=[_file(one) for one in body["message"].get("attachments", [])])
    try:
        return _submit(world, mailbox, item, keep=body.get("saveToSentItems", True))
    except Refusal:
        del mailbox.items[item.id]
        raise


def _send_mime(world: World, mailbox: Mailbox, body: bytes) -> Reply:
    try:
        raw = base64.b64decode(body, validate=True)
    except binascii.Error as wrong:
        raise Refusal(400, "ErrorMimeContentInvalidBase64String", "Invalid base64 string for MIME content.") from wrong
    if len(raw) > _MIME_LIMIT:
        return Reply(200)  # as reported: nothing is sent, and nothing says so
    item = mailbox.add("F-drafts", raw=raw)
    try:
        world.check_sender(mailbox, item.header("From"))
        world.deliver(mailbox, recipients_of(raw), without_bcc(raw))
    except Refusal:
        del mailbox.items[item.id]
        raise
    item.raw = without_bcc(raw)
    mailbox.move(item, "F-sentitems")
    return Reply(202)


def _submit(world: World, mailbox: Mailbox, item: Item, *, keep: bool = True) -> Reply:
    draft = item.draft or {}
    headers = draft.get("internetMessageHeaders", [])
    if len(headers) > 5:
        raise Refusal(400, "InvalidInternetMessageHeaderCollection", "Maximum number of headers is 5.")
    if any(not header["name"].lower().startswith("x-") for header in headers):
        raise Refusal(400, "InvalidInternetMessageHeader", "The header should start with 'x-' or 'X-'.")
    raw = render(item, mailbox.address)
    world.check_sender(mailbox, Item("", "", raw).header("From"))
    world.deliver(mailbox, recipients_of(raw), without_bcc(raw))
    item.raw, item.draft = without_bcc(raw), None
    mailbox.move(item, "F-sentitems")
    if not keep:
        del mailbox.items[item.id]
    return Reply(202)


def _file(given: dict[str, Any]) -> File:
    return File(
        given["name"],
        given.get("contentType") or "application/octet-stream",
        base64.b64decode(given["contentBytes"]),
        inline=bool(given.get("isInline")),
        content_id=given.get("contentId"),
    )


def create_draft(world: World, mailbox: Mailbox, request: Request, _: Query) -> Reply:
    """`POST /messages`."""
    return answer(message(mailbox.add("F-drafts", draft=request.json())), 201)


def create_reply(world: World, mailbox: Mailbox, request: Request, _: Query, key: str) -> Reply:
    """`createReply`: the draft goes on with the thread of the original."""
    original = _item(mailbox, key)
    references = tuple(original.header("References").split())
    draft = {"subject": f"RE: {original.header('Subject')}", "toRecipients": []} | request.json().get("message", {})
    return answer(message(mailbox.add("F-drafts", draft=draft, thread=(original.message_id, references))), 201)


def update(world: World, mailbox: Mailbox, request: Request, _: Query, key: str) -> Reply:
    """`PATCH`: a draft's content, or whether a message was read."""
    item, changes = _item(mailbox, key), request.json()
    item.seen = changes.pop("isRead", item.seen)
    if changes and (item.draft is None or "internetMessageHeaders" in changes):
        raise Refusal(400, "ErrorInvalidPropertySet", "Only drafts can be changed, and not their headers.")
    if item.draft is not None:
        item.draft |= changes
    mailbox.touch(item)
    return answer(message(item))


def attach(world: World, mailbox: Mailbox, request: Request, _: Query, key: str) -> Reply:
    """`POST /attachments`."""
    if len(request.body) > _REQUEST_LIMIT + 4096:
        raise Refusal(413, "RequestEntityTooLarge")
    file = _file(request.json())
    _item(mailbox, key).files.append(file)
    return answer({"@odata.type": "#microsoft.graph.fileAttachment", "id": "A-1", "name": file.name}, 201)


def create_session(world: World, mailbox: Mailbox, request: Request, _: Query, key: str) -> Reply:
    """`createUploadSession`."""
    wanted = request.json()["AttachmentItem"]
    if wanted["size"] < _SESSION_FROM:
        raise Refusal(400, "ErrorAttachmentSizeShouldNotBeLessThanMinimumSize")
    if wanted["size"] > _SESSION_TO:
        raise Refusal(400, "ErrorAttachmentSizeLimitExceeded")
    url = world.begin_upload(_item(mailbox, key), wanted)
    session = {"uploadUrl": url, "expirationDateTime": "2027-01-01T00:00:00Z", "nextExpectedRanges": ["0-"]}
    return answer(session, 201)


def send_draft(world: World, mailbox: Mailbox, request: Request, _: Query, key: str) -> Reply:
    """`send`."""
    return _submit(world, mailbox, _item(mailbox, key))


def move(world: World, mailbox: Mailbox, request: Request, _: Query, key: str) -> Reply:
    """`move`."""
    item = _item(mailbox, key)
    mailbox.move(item, _folder(mailbox, request.json()["destinationId"]))
    return answer(message(item), 201)


def remove(world: World, mailbox: Mailbox, request: Request, _: Query, key: str) -> Reply:
    """`DELETE`: into Deleted Items, and from there for good."""
    item = _item(mailbox, key)
    if item.folder == "F-deleteditems" or item.draft is not None:
        del mailbox.items[key]
    else:
        mailbox.move(item, "F-deleteditems")
    return Reply(204)


def value(world: World, mailbox: Mailbox, request: Request, _: Query, key: str) -> Reply:
    """`$value`: the MIME, without its length."""
    return Reply(200, _item(mailbox, key).raw, {"Content-Type": "text/plain"}, chunked=True)


def find(world: World, mailbox: Mailbox, request: Request, query: Query) -> Reply:
    """`GET /messages`, by Message-ID."""
    wanted = re.fullmatch(r"internetMessageId eq '(.*)'", query["$filter"])
    if wanted is None:
        raise Refusal(400, "ErrorInvalidUrlQueryFilter")
    text = wanted.group(1).replace("''", "'")
    found = [item for item in mailbox.items.values() if item.message_id == text][: int(query.get("$top", 10))]
    return answer({"value": [selected(message(item), query) for item in found]})


def list_messages(world: World, mailbox: Mailbox, request: Request, query: Query, key: str) -> Reply:
    """`GET /mailFolders/{id}/messages`."""
    found = mailbox.inside(_folder(mailbox, key))[: int(query.get("$top", 10))]
    return answer({"value": [selected(message(item), query) for item in found]})


def changes(world: World, mailbox: Mailbox, request: Request, query: Query, key: str) -> Reply:
    """`delta`."""
    return delta(world, mailbox, _folder(mailbox, key), request, query)


def get_folder(world: World, mailbox: Mailbox, request: Request, query: Query, key: str) -> Reply:
    """One folder."""
    found = _folder(mailbox, key)
    return answer(selected(folder(found, *mailbox.folders[found]), query))


def list_folders(world: World, mailbox: Mailbox, request: Request, query: Query, parent: str = "") -> Reply:
    """Folders by name."""
    wanted = re.fullmatch(r"displayName eq '(.*)'", query.get("$filter", ""))
    found = mailbox.named(wanted.group(1).replace("''", "'"), parent) if wanted else None
    return answer({"value": [selected(folder(found, *mailbox.folders[found]), query)] if found else []})


def create_folder(world: World, mailbox: Mailbox, request: Request, _: Query, parent: str = "") -> Reply:
    """A new folder."""
    name = request.json()["displayName"]
    if mailbox.named(name, parent):
        raise Refusal(409, "ErrorFolderExists")
    return answer(folder(mailbox.make_folder(name, parent), name, parent), 201)


def _item(mailbox: Mailbox, key: str) -> Item:
    if key not in mailbox.items:
        raise Refusal(404, "ErrorItemNotFound", "The specified object was not found in the store.")
    return mailbox.items[key]


def _folder(mailbox: Mailbox, key: str) -> str:
    found = mailbox.folder(key)
    if found is None:
        raise Refusal(404, "ErrorItemNotFound" if key.startswith("F-") else "ErrorFolderNotFound")
    return found


_SEND, _READ, _WRITE = "Mail.Send", "Mail.Read", "Mail.ReadWrite"
_OPERATIONS: list[tuple[str, str, str, Callable[..., Reply]]] = [
    ("POST", "/sendMail", _SEND, send_mail),
    ("GET", "/messages", _READ, find),
    ("POST", "/messages", _WRITE, create_draft),
    ("PATCH", "/messages/([^/]+)", _WRITE, update),
    ("DELETE", "/messages/([^/]+)", _WRITE, remove),
    ("GET", r"/messages/([^/]+)/\$value", _READ, value),
    ("POST", "/messages/([^/]+)/move", _WRITE, move),
    ("POST", "/messages/([^/]+)/send", _SEND, send_draft),
    ("POST", "/messages/([^/]+)/createReply", _WRITE, create_reply),
    ("POST", "/messages/([^/]+)/attachments", _WRITE, attach),
    ("POST", "/messages/([^/]+)/attachments/createUploadSession", _WRITE, create_session),
    ("GET", "/mailFolders", _READ, list_folders),
    ("POST", "/mailFolders", _WRITE, create_folder),
    ("GET", "/mailFolders/([^/]+)", _READ, get_folder),
    ("GET", "/mailFolders/([^/]+)/childFolders", _READ, list_folders),
    ("POST", "/mailFolders/([^/]+)/childFolders", _WRITE, create_folder),
    ("GET", "/mailFolders/([^/]+)/messages", _READ, list_messages),
    ("GET", "/mailFolders/([^/]+)/messages/delta", _READ, changes),
]
