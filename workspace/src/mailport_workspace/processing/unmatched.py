"""Mail that concerns no record, and shall not make one either."""

from __future__ import annotations

from mailport.policies.automatic import Automatic, AutomaticKind
from mailport.policies.complaints import Complaint
from mailport_workspace.intake.verdict import Verdict
from mailport_workspace.processing.case import Case
from mailport_workspace.tenants.incoming_rules import Do

__all__ = ["kept_from_opening"]

_ANSWERS = frozenset({AutomaticKind.REPLY, AutomaticKind.REPORT})


def kept_from_opening(case: Case) -> Verdict | None:
    """Say why a mail without a record makes none: a rule wants it so, or a machine answers a mail that nobody knows."""
    if case.action.do is Do.ATTACH:
        return case.quarantined("rule", "rule.attach", f"the rule “{case.rule_name}” only attaches, and there is no record")
    complaint = case.finding("complaint", Complaint)
    if complaint is not None and not case.is_released:
        return case.quarantined("recognise", "mail.complaint", complaint.reason)
    automatic = case.finding("automatic", Automatic)
    if automatic is not None and automatic.kind in _ANSWERS and not case.is_released:
        return case.ignored("recognise", "mail.automatic", f"an automatic answer that concerns no record ({automatic.reason})")
    return None
