"""A ticket system that keeps the records of a tenant, written after docs/reference/record-webhooks.md and nothing else."""

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.peers.webhook_receiver import Call, Fault, WebhookReceiver, is_signed

Body = dict[str, Any]
STATES = ["new", "assigned", "resolved", "closed"]
KIND = {
    "name": "incident",
    "label": "Incident",
    "fields": [
        {"name": "subject", "label": "Subject", "mandatory": True},
        {"name": "description", "label": "Description"},
        {"name": "category", "label": "Category"},
    ],
    "states": STATES,
    "final_states": ["closed"],
    "title_field": "subject",
}
FIELDS = [each["name"] for each in KIND["fields"]]  # type: ignore[index]


class Unfit(Exception):
    """What was sent is refused, with the problems by field."""

    def __init__(self, *problems: tuple[str, str]) -> None:
        super().__init__()
        self.problems = [{"field": name, "code": code, "message": f"{name} is wrong"} for name, code in problems]


@dataclass
class Kept:
    """What the system keeps: records and people by id, and the mails of each record by its id."""

    records: dict[str, Body] = field(default_factory=dict)
    people: dict[str, Body] = field(default_factory=dict)
    history: dict[str, list[Body]] = field(default_factory=dict)


class RecordSystem(WebhookReceiver):
    """Answers every operation for one key; each change is carried out once for each idempotency key."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.key = ""
        self.kept = Kept()
        self._done: dict[str, Fault] = {}
        self._ids = itertools.count(1)

    @property
    def url(self) -> str:
        """The address to be asked at."""
        return super().url.replace("/hook", "/records")

    def answer(self, call: Call) -> Fault:
        """Return the answer to a call; a fault that is due comes instead of it, after the change was made."""
        fault = super().answer(call)
        if fault.status < 300:
            return self._answer(call)
        if fault.cut:
            self._answer(call)
        return fault

    def _answer(self, call: Call) -> Fault:
        if not is_signed(call, self.key):
            return Fault(401)
        number = call.headers["idempotency-key"]
        if number not in self._done:
            self._done[number] = self._carried_out(call)
        return self._done[number]

    def _carried_out(self, call: Call) -> Fault:
        name = call.path.rpartition("/")[2].replace("-", "_")
        operation: Callable[[Body], Body] = getattr(self, f"do_{name}")
        try:
            return Fault(200, body=json.dumps(operation(call.json)).encode())
        except Unfit as unfit:
            return Fault(422, body=json.dumps({"problems": unfit.problems}).encode())
        except KeyError:
            return Fault(404)

    def do_kinds(self, _body: Body) -> Body:
        """The types of records."""
        return {"kinds": [KIND]}

    def do_get(self, body: Body) -> Body:
        """One record."""
        found = self.kept.records.get(body["id"])
        return {"record": found if found and found["type"] == body["type"] else None}

    def do_find(self, body: Body) -> Body:
        """The newest record with a value."""
        for record in reversed(self.kept.records.values()):
            value = record["number"] if body["by"] == "number" else record["fields"].get(body["by"], "")
            if record["type"] == body["type"] and str(value).casefold() == body["value"].strip().casefold():
                return {"record": record}
        return {"record": None}

    def do_create(self, body: Body) -> Body:
        """A new record."""
        if body["type"] != KIND["name"]:
            raise Unfit(("type", "record.unknown_type"))
        fields = {"subject": body["title"]} | body["fields"] if body["title"] else body["fields"]
        _check(fields, is_new=True)
        number = next(self._ids)
        record = {
            "type": body["type"],
            "id": f"r-{number}",
            "number": f"T{number}",
            "state": "new",
            "title": fields["subject"],
            "fields": fields,
            "is_final": False,
            "person": body["person"],
        }
        self.kept.records[record["id"]] = record
        self.kept.history[record["id"]] = []
        return {"record": record}

    def do_update(self, body: Body) -> Body:
        """A changed record."""
        record = self.kept.records[body["record"]["id"]]
        _check(body["fields"], is_new=False)
        if body["state"] and body["state"].lower() not in STATES:
            raise Unfit(("state", "record.unknown_state"))
        state = body["state"].lower() or record["state"]
        fields = record["fields"] | body["fields"]
        changed = {**record, "fields": fields, "title": fields["subject"], "state": state, "is_final": state == "closed"}
        self.kept.records[record["id"]] = changed
        return {"record": changed}

    def do_attach(self, body: Body) -> Body:
        """A mail in the history."""
        self.kept.history[body["record"]["id"]].append(body["mail"])
        return {}

    def do_person(self, body: Body) -> Body:
        """Somebody, if known."""
        return {"person": self.kept.people.get(body["email"].lower())}

    def do_create_person(self, body: Body) -> Body:
        """Somebody new, or who is known already."""
        email = body["email"].lower()
        new = {"id": f"p-{len(self.kept.people)}", "email": email, "name": body["name"], "active": False}
        return {"person": self.kept.people.setdefault(email, new)}


def _check(fields: Body, *, is_new: bool) -> None:
    problems = [(name, "record.unknown_field") for name in fields if name not in FIELDS]
    if not str(fields.get("subject", "" if is_new else "kept")).strip():
        problems.append(("subject", "record.missing"))
    if problems:
        raise Unfit(*problems)
