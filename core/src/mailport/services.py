"""What a host lends to its transports: the machinery that is shared by all accounts."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from mailport.egress import EgressPolicy
from mailport.tokens import TokenCache

__all__ = ["Services"]


@dataclass(frozen=True, kw_only=True)
class Services:
    """The second argument of the hooks that make senders, receivers and probes.

    ``local_root`` is the folder below which a transport may keep mail on this machine, None where the operator named none.
    ``client_name`` is how a client introduces itself (EHLO); ``clock`` counts seconds.
    """

    egress: EgressPolicy = field(default_factory=EgressPolicy)
    tokens: TokenCache = field(default_factory=TokenCache)
    local_root: Path | None = None
    client_name: str = "localhost.localdomain"
    clock: Callable[[], float] = time.monotonic
