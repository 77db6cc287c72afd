"""Secrets that are planted in every secret field of every protocol are found in no answer and no log (SEC-01)."""

import logging
import re
import secrets

import pytest

from mailport.errors import ConfigurationError

ANY = {"If-Match": "*"}
FILLED = {
    "host": "mail.example.test",
    "user_name": "desk@example.test",
    "token_url": "https://login.example.test/token",
    "scope": "mail",
    "client_id": "client",
    "client_tenant_id": "tenant",
    "service_account_address": "robot@project.iam.gserviceaccount.com",
    "directory": "desk",
}
NOTHING = {"protocol": "maildir", "authentication": "none", "directory": "desk", "user_name": "desk@example.test"}
HOSTS = ("mail.example.test", "https://mail.example.test/EWS/Exchange.asmx")


def forms(mailport, protocol, direction, pem):
    """Yield (secret field, its text, form) for each secret of each option."""
    for model in protocol.models(direction):
        needed = {name: FILLED.get(name) for name, field in model.model_fields.items() if field.is_required()}
        for name in sorted(model.secret_fields()):
            form = {"protocol": protocol.key, "authentication": model.option()}
            others = {field: secrets.token_urlsafe(24) for field in model.secret_fields() & needed.keys() if field != name}
            yield name, *accepted(mailport, direction, form | needed | others, name, pem)


def accepted(mailport, direction, form, name, pem):
    """Return a text that the field takes (random, or a key where it wants one) with the form that holds it."""
    for host in HOSTS:
        for text in (secrets.token_urlsafe(24), pem):
            whole = form | ({"host": host} if "host" in form else {}) | {name: text}
            try:
                mailport.account(whole, direction)
            except ConfigurationError:
                continue
            return text, whole
    raise AssertionError(f"no form holds {name} of {form}")


def traces(text):
    """Return what would betray a secret: all of it, or a line of its key."""
    lines = [line for line in text.splitlines() if "-----" not in line]
    return [line.strip() for line in lines if len(line.strip()) > 20]


async def walk(client):
    """Return what every GET answers, with every id that any of them shows."""
    document = (await client.get("/openapi.json")).json()
    paths = [path.removeprefix("/api/v1") for path, methods in document["paths"].items() if "get" in methods]
    said = [(await client.get(path)).text for path in paths if "{" not in path]
    ids = sorted(set(re.findall(r"\b[0-9a-f]{32}\b", "".join(said))))
    for path in (path for path in paths if "{" in path):
        said += [(await client.get(re.sub(r"\{\w+\}", name, path))).text for name in [*ids, "outgoing"]]
    return said


@pytest.fixture
def pem(pki):
    """A certificate with its key, as one text."""
    return pki.client.read_text()


async def test_no_answer_and_no_log_line_shows_a_secret(ann, workspace, pem, caplog, monkeypatch):  # SEC-01
    """Neither what is stored, nor what was refused, nor what was only tested."""
    monkeypatch.setattr(
        "mailport_workspace.tenants.connection_tests.AT_ONCE", 10_000
    )  # nobody runs them, and each is to be kept
    for logger in ("mailport", "mailport_workspace", "uvicorn"):
        caplog.set_level(logging.DEBUG, logger)
    planted, said = [], []
    for protocol in workspace.mailport.protocols():
        for direction in protocol.directions:
            for name, text, form in forms(workspace.mailport, protocol, direction, pem):
                planted += traces(text)
                said += await plant(ann, direction, form, name)
                said += await walk(ann) if len(planted) % 5 == 0 else []
    said += [*await walk(ann), caplog.text]
    assert len(planted) > 10
    assert any("••••••" in text for text in said)
    shown = [text[: text.index(trace) + 9][-300:] for trace in planted for text in said if trace in text]
    assert shown == []


async def plant(client, direction, form, name):
    """Store the form, test it, and send it in ways that are refused; what is answered."""
    is_outgoing = str(direction) == "outgoing"
    subject, path, more = (
        ("outgoing", "/configuration", {}) if is_outgoing else ("new", "/inboxes", {"name": secrets.token_hex(4)})
    )
    method = "PUT" if is_outgoing else "POST"
    whole = form | more
    await client.put("/configuration", json=NOTHING, headers=ANY)  # else what is stored would be combined with the form
    stored = await client.request(method, path, json=whole, headers=ANY)
    assert stored.status_code in {200, 201}, stored.text
    answers = [stored, await client.post("/connection-tests", json={"subject": subject, "settings": form})]
    for wrong in ({"stranger": form[name]}, {"user_name": "x"}, {name: [form[name]]}, {"authentication": "x"}):
        answers.append(await client.request(method, path, json=whole | wrong, headers=ANY))
        answers.append(await client.post("/connection-tests/announcement", json={"subject": subject, "settings": form | wrong}))
    answers.append(await client.get("/configuration/export"))
    answers.append(await client.post("/session", json={"tenant": "One", "email": "ann@example.test", "password": form[name]}))
    answers.append(await client.get("/session", headers={"Authorization": f"Bearer {form[name][:20]}"}))
    return [answer.text for answer in answers]
