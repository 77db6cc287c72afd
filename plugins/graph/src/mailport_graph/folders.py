"""Folders by name: the well-known ones whatever their name in the mailbox's language, the others by path."""

from __future__ import annotations

from urllib.parse import quote

from mailport.errors import NotFound
from mailport_graph.client import Call, GraphClient
from mailport_graph.translate import malformed
from mailport_graph.wire import items_of, quoted

__all__ = ["folder_id"]

_WELL_KNOWN = frozenset({"inbox", "archive", "deleteditems", "drafts", "junkemail", "outbox", "sentitems"})


async def folder_id(client: GraphClient, path: str, *, create: bool = False) -> str:
    """Return the id of a folder. Raises ``NotFound`` (``folder.missing``) for one that is missing and not to be created."""
    names = [name.strip() for name in path.split("/")]
    found = await _well_known(client, names[0])
    if found is not None:
        names = names[1:]
    for name in names:
        inside = f"/{quote(found, safe='')}/childFolders" if found else ""
        place = f"{client.mailbox}/mailFolders{inside}"
        found = await _named(client, place, name) or await _created(client, place, name, create=create)
    return found or ""


async def _well_known(client: GraphClient, name: str) -> str | None:
    word = name.lower().replace(" ", "").replace("-", "")
    if word not in _WELL_KNOWN:
        return None
    try:
        answer = await client.call(Call(method="GET", path=f"{client.mailbox}/mailFolders/{word}?$select=id"))
    except NotFound:
        return None  # not every mailbox has every one
    return _id(answer.json())


async def _named(client: GraphClient, place: str, name: str) -> str | None:
    query = f"$filter={quote(f'displayName eq {quoted(name)}')}&$select=id,displayName"
    found = items_of((await client.call(Call(method="GET", path=f"{place}?{query}"))).json())
    return _id(found[0]) if found else None


async def _created(client: GraphClient, place: str, name: str, *, create: bool) -> str:
    if not create:
        raise NotFound(
            f"The mailbox has no folder “{name}”.",
            code="folder.missing",
            field="folder",
            remedy="Check the folder's name; write a path with “/” between the names.",
        )
    return _id((await client.call(Call(method="POST", path=place, body={"displayName": name}))).json())


def _id(item: object) -> str:
    found = item.get("id") if isinstance(item, dict) else None
    if not isinstance(found, str) or not found:
        raise malformed()
    return found
