"""What led to an error."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["causes"]


def causes(error: BaseException | None, *, hidden: bool = False) -> Iterator[BaseException]:
    """Yield ``error`` and what led to it, each error once: ``raise error from error`` makes a ring of the chain.

    What ``raise ... from None`` hides from people stays out, unless ``hidden`` asks for it: who looks for a certain cause
    wants to see everything.
    """
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        yield error
        seen.add(id(error))
        error = error.__cause__ or (error.__context__ if hidden or not error.__suppress_context__ else None)
