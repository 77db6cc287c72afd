"""Delta queries: pages that remember what was asked, and links that the service may forget."""

import re
import secrets
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tests.peers.fake_graph_answers import Refusal, answer, message, selected
from tests.peers.fake_graph_http import Reply, Request
from tests.peers.fake_graph_store import Mailbox

if TYPE_CHECKING:
    from tests.peers.fake_graph_world import World


def delta(world: "World", mailbox: Mailbox, folder: str, request: Request, query: dict[str, str]) -> Reply:
    """One page. The options of the first request are frozen into the links."""
    state = _state(mailbox, folder, query)
    size = re.search(r"odata\.maxpagesize=(\d+)", request.headers.get("prefer", ""))
    page = int(size.group(1)) if size else 10
    ids, rest = state["ids"][:page], state["ids"][page:]
    items = [mailbox.items[key] for key in ids if key in mailbox.items and mailbox.items[key].folder == folder]
    gone = [key for key in ids if key not in mailbox.items or mailbox.items[key].folder != folder]
    value = [selected(message(item), state["query"]) for item in items]
    value += [{"id": key, "@removed": {"reason": "deleted"}} for key in gone]
    base = f"{world.service}/v1.0/users/{quote(mailbox.address, safe='@')}/mailFolders/{quote(folder, safe='')}/messages/delta"
    if rest:
        link = {"@odata.nextLink": f"{base}?$skiptoken={_remember(mailbox, state | {'ids': rest})}"}
    else:
        link = {"@odata.deltaLink": f"{base}?$deltatoken={_remember(mailbox, state | {'ids': None})}"}
    return answer({"value": value, **link})


def _state(mailbox: Mailbox, folder: str, query: dict[str, str]) -> dict[str, Any]:
    token = query.get("$skiptoken") or query.get("$deltatoken")
    if token is None:
        state: dict[str, Any] = {"query": query, "ids": None, "since": 0}
    elif token in mailbox.tokens:
        state = mailbox.tokens[token]
    else:
        raise Refusal(410, "SyncStateNotFound", "The sync state generation is not found.")
    if state["ids"] is None:
        created_only = state["query"].get("changeType") == "created"
        ids = mailbox.since(folder, state["since"], created_only=created_only)
        state = state | {"ids": ids, "since": mailbox.now}
    return state


def _remember(mailbox: Mailbox, state: dict[str, Any]) -> str:
    token = secrets.token_urlsafe(16)
    mailbox.tokens[token] = state
    return token
