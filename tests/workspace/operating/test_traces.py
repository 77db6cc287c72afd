"""Spans, and how a trace goes on after the journal."""

import subprocess
import sys

import pytest

from mailport_workspace.observing.traces import span, traceparent
from mailport_workspace.tables import JournalEntry, MailDirection

pytest.importorskip("opentelemetry.sdk")

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

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
