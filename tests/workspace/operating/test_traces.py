"""Spans, and how a trace goes on after the journal."""

import secrets
import subprocess
import sys

import httpx2
import pytest

from mailport_workspace.access.caller import Scope
from mailport_workspace.api.app import create_app
from mailport_workspace.observing.traces import span, traceparent
from mailport_workspace.settings import WorkspaceSettings
from mailport_workspace.tables import JournalEntry, MailDirection, Role
from mailport_workspace.tenants.actor import Actor
from mailport_workspace.tenants.fresh import found_tenant
from mailport_workspace.workspace import Workspace

pytest.importorskip("opentelemetry.sdk")

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

DESK = {"protocol": "maildir", "directory": "out", "user_name": "desk@example.test"}
EXPORTER = InMemorySpanExporter()


@pytest.fixture
def spans():
    """The spans that end in a test; a process has one provider for its lifetime."""
    if not isinstance(trace.get_tracer_provider(), TracerProvider):
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(EXPORTER))
        trace.set_tracer_provider(provider)
    EXPORTER.clear()
    return EXPORTER.get_finished_spans


async def test_the_trace_of_a_call_goes_on_from_the_journal(world, spans):
    """The entry keeps where it was made, and what is done later is a part of the same trace."""
    with span("submit", tenant=world.one.tenant):
        async with world.store.write(world.one.tenant) as rows:
            entry = JournalEntry(direction=MailDirection.OUTGOING)
            await rows.add(entry)
    async with world.store.read(world.one.tenant) as rows:
        (kept,) = await rows.journal()
    with span("send", parent=kept.traceparent):
        pass
    submit, send = spans()
    assert send.parent.span_id == submit.context.span_id
    assert send.context.trace_id == submit.context.trace_id
    assert submit.attributes["mailport.tenant"] == world.one.tenant


async def test_a_callers_trace_goes_on_until_the_mail_is_sent(deployment, spans):
    """The header of a call is kept with its mail, and the send, by whatever process, is a part of the same trace."""
    (deployment.folder / "mail").mkdir()
    async with Workspace(WorkspaceSettings(local_root=deployment.folder / "mail")) as workspace:
        operator = Actor.operator(await found_tenant(workspace.store, "One"))
        await workspace.configurations.save(operator, DESK)
        client = httpx2.AsyncClient(transport=httpx2.ASGITransport(create_app(workspace)), base_url="https://api.test/api/v1")
        token = {"Authorization": f"Bearer {await _token(workspace, operator)}"}
        mail = {"to": ["ann@example.test"], "subject": "Hello", "text": "Hello."}
        async with client:
            answer = await client.post("/mails", json=mail, headers=token | {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"})
        assert answer.status_code == 202, answer.text
        await workspace.outbox.drain(operator.tenant)
    traces = {span.name: f"{span.context.trace_id:032x}" for span in spans()}
    assert {traces[name] for name in ("call", "submit", "send")} == {"a" * 32}


async def _token(workspace, operator):
    form = {"email": "ann@example.test", "name": "Ann", "role": Role.ADMINISTRATOR, "password": secrets.token_urlsafe(16)}
    await workspace.users.create(operator, **form)
    actor = await workspace.users.sign_in(operator.tenant, form["email"], form["password"])
    return (await workspace.tokens.create(actor, name="one", scopes=[Scope.MAIL_SEND]))[1]


def test_an_error_is_named_by_its_type(spans):
    """Its text may repeat what a server said, and stays out of the trace."""
    with pytest.raises(ValueError, match="the password"), span("send"):
        raise ValueError("the password")
    (ended,) = spans()
    assert (ended.status.status_code, ended.status.description) == (trace.StatusCode.ERROR, "ValueError")
    assert "the password" not in ended.to_json()


def test_outside_of_a_trace_nothing_is_kept(spans):
    """An entry that no call made begins a trace of its own."""
    assert traceparent() == ""
    with span("poll", parent=""):
        assert traceparent() != ""
    assert spans()[0].parent is None


def test_without_opentelemetry_nothing_happens():
    """The package is an extra: without it the same code runs, and keeps nothing."""
    code = """
import sys
sys.modules["opentelemetry"] = None
from mailport_workspace.observing.traces import span, traceparent
with span("send", parent="00-x", tenant="t"):
    assert traceparent() == ""
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=60)
