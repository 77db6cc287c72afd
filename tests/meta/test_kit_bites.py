"""Each conformance case fails on a protocol with the mistake it is there for: none passes by itself."""

import inspect
from collections.abc import Mapping
from typing import Any

import pytest

from mailport.testing.conformance import (
    FieldsConformance,
    ProbeConformance,
    ReceiverConformance,
    SenderConformance,
)
from tests.meta import broken_fields, broken_probing, broken_receiving, broken_sending
from tests.meta.breakage import Breakage
from tests.meta.broken_fields import Mistake

KITS: dict[type, Mapping[str, Any]] = {
    SenderConformance: broken_sending.BREAKAGES,
    ReceiverConformance: broken_receiving.BREAKAGES,
    ProbeConformance: broken_probing.BREAKAGES,
    FieldsConformance: broken_fields.BREAKAGES,
}


def of(*kits: type) -> list[Any]:
    return [pytest.param(kit, case, KITS[kit][case], id=f"{kit.__name__}-{case}") for kit in kits for case in KITS[kit]]


@pytest.mark.parametrize("kit", KITS, ids=lambda kit: kit.__name__)
def test_every_case_has_a_breakage(kit: type) -> None:
    """A new case comes with the mistake that it notices."""
    cases = {name for name, _ in inspect.getmembers(kit, inspect.isfunction) if name.startswith("test_")}
    assert cases == set(KITS[kit])


@pytest.mark.parametrize(("kit", "case", "breakage"), of(SenderConformance, ReceiverConformance, ProbeConformance))
async def test_a_session_case_bites(kit: type, case: str, breakage: Breakage) -> None:
    """The case fails on the broken protocol as it should, and passes on the same one without the mistake."""
    run = getattr(kit(), case)
    with pytest.raises(breakage.fails_with):
        await run(breakage.harness(), **breakage.arguments)
    if not breakage.without:
        await run(breakage.whole_harness(), **breakage.arguments)


@pytest.mark.parametrize(("kit", "case", "mistake"), of(FieldsConformance))
def test_a_fields_case_bites(kit: type, case: str, mistake: Mistake) -> None:
    """The case fails on the broken declaration, and passes on one without a mistake."""
    run = getattr(kit(), case)
    with pytest.raises((mistake.fails_with, pytest.fail.Exception)):
        run(mistake)
    run(Mistake())
