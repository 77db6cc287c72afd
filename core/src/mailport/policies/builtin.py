"""The policies that come with the core, registered through the same door as anybody's."""

from __future__ import annotations

from collections.abc import Iterable

from mailport.hookspecs import hookimpl
from mailport.policies import Policy


@hookimpl
def mailport_policies() -> Iterable[Policy]:
    """Contribute Block Outgoing Email and Email Address Override."""
    from mailport.policies.block import Block  # noqa: PLC0415 - discovery stays cheap
    from mailport.policies.override import Override  # noqa: PLC0415

    return (Block(), Override())
