"""Traces: spans of OpenTelemetry where its API is installed (``mailport-workspace[otel]``), nothing at all elsewhere.

A mail's way is one trace although a database lies in between: the journal entry keeps the ``traceparent`` (W3C Trace Context)
of the call that made it, and the work that is done for it later goes on from there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

try:
    from opentelemetry import trace
    from opentelemetry.context import Context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
except ImportError:
    _IS_THERE = False
else:
    _IS_THERE = True

__all__ = ["span", "traceparent"]

_SOURCE = "mailport_workspace"


@contextmanager
def span(name: str, *, parent: str | None = None, **about: str | int | float | bool) -> Iterator[None]:
    """Trace the block as ``name``, with attributes ``mailport.<about>``; ``parent`` is the ``traceparent`` it goes on from.

    An error that leaves the block is named in the span by its type only: its text might repeat what a server said.
    """
    if not _IS_THERE:
        yield
        return
    tracer = trace.get_tracer(_SOURCE)
    attributes = {f"mailport.{key}": value for key, value in about.items()}
    with tracer.start_as_current_span(
        name, context=_context(parent), attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as current:
        try:
            yield
        except Exception as error:
            current.set_status(trace.Status(trace.StatusCode.ERROR, type(error).__name__))
            raise


def traceparent() -> str:
    """Return where the present work stands in its trace; empty outside of any."""
    carrier: dict[str, str] = {}
    if _IS_THERE:
        TraceContextTextMapPropagator().inject(carrier)
    return carrier.get("traceparent", "")


def _context(parent: str | None) -> Context | None:
    return TraceContextTextMapPropagator().extract({"traceparent": parent}) if parent else None
