"""Labels as folders: names for people, ids for the API. A label is found without regard to case, as Gmail does."""

from __future__ import annotations

from typing import Any

from mailport.address import CONTROL
from mailport.errors import ConfigurationError, MailportError, NotFound
from mailport_google.gmail import Gmail

__all__ = ["Labels"]


class Labels:
    """The labels of one mailbox, listed once in a session."""

    def __init__(self, gmail: Gmail) -> None:
        self._gmail = gmail
        self._ids: dict[str, str] | None = None

    async def find(self, name: str) -> str:
        """Return the id of a label. Raises ``NotFound`` (``folder.missing``)."""
        found = (await self._known()).get(name.lower())
        if found is None:
            raise NotFound(
                f"The mailbox has no label “{name}”.",
                code="folder.missing",
                field="folder",
                remedy="Create the label in Gmail, or write its name as Gmail shows it; nested labels are Parent/Child.",
            )
        return found

    async def ensure(self, name: str) -> str:
        """Return the id of a label, created if it is missing."""
        if CONTROL.search(name):
            raise ConfigurationError("The name of a label contains a control character.", code="folder.name", field="folder")
        return (await self._known()).get(name.lower()) or await self._create(name)

    async def _create(self, name: str) -> str:
        body = {"name": name, "labelListVisibility": "labelShow", "messageListVisibility": "show"}
        try:
            made = await self._gmail.call(lambda users: users.labels().create(userId="me", body=body), "folder")
        except MailportError as error:
            return await self._made_by_another(name, error)
        (await self._known())[name.lower()] = str(made["id"])
        return str(made["id"])

    async def _made_by_another(self, name: str, error: MailportError) -> str:
        """Look again: another receiver of the mailbox may have been quicker."""
        if error.code != "folder.refused":
            raise error
        self._ids = None
        found = (await self._known()).get(name.lower())
        if found is None:
            raise error
        return found

    async def _known(self) -> dict[str, str]:
        if self._ids is None:
            answer = await self._gmail.call(lambda users: users.labels().list(userId="me"), "folder")
            self._ids = _by_name(answer)
        return self._ids


def _by_name(answer: dict[str, Any]) -> dict[str, str]:
    """Return ids by name; the system's labels go by their id as well (INBOX, SPAM), whatever they are called."""
    labels = [(str(label["id"]), str(label.get("name", "")), label.get("type")) for label in answer.get("labels", ())]
    named = {name.lower(): key for key, name, _ in labels}
    return named | {key.lower(): key for key, _, kind in labels if kind == "system"}
