"""The conformance cases: what every transport must do, as pytest classes that a plugin's own test subclasses.

    class TestSender(SenderConformance):
        @pytest.fixture
        def harness(self) -> MyHarness: ...

A case that a protocol cannot meet is left out by what the protocol's ``Capabilities`` or the harness's ``supports`` say, or
marked ``xfail`` with a reason; never by overriding it.
"""

import pytest

_CASES = (
    "acknowledging",
    "arriving",
    "checks",
    "fields",
    "handing_over",
    "harness",
    "probing",
    "receiving",
    "rounds",
    "sending",
    "sessions",
)
# pytest explains a failed assertion only in modules that it rewrote, and an installed package is not among them by itself.
pytest.register_assert_rewrite(*(f"{__name__}.{module}" for module in _CASES))

from mailport.testing.conformance.fields import Declared, FieldsConformance  # noqa: E402 - after the line above
from mailport.testing.conformance.harness import (  # noqa: E402
    Feature,
    Harness,
    ReceiverHarness,
    SenderHarness,
    Stored,
    needs,
)
from mailport.testing.conformance.probing import ProbeConformance  # noqa: E402
from mailport.testing.conformance.receiving import ReceiverConformance  # noqa: E402
from mailport.testing.conformance.sending import SenderConformance  # noqa: E402

__all__ = [
    "Declared",
    "Feature",
    "FieldsConformance",
    "Harness",
    "ProbeConformance",
    "ReceiverConformance",
    "ReceiverHarness",
    "SenderConformance",
    "SenderHarness",
    "Stored",
    "needs",
]
