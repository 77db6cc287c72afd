"""The ordered rules for incoming mail: skip rules first, then the first that fits decides."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body
from pydantic import Field

from mailport_workspace.access.caller import Scope
from mailport_workspace.api.access import WorkspaceOf, allowed
from mailport_workspace.api.errors import can_fail_with
from mailport_workspace.api.shapes import Form, Id, Input, Text
from mailport_workspace.api.tabs import NewId
from mailport_workspace.tenants.actor import Actor

__all__ = ["router"]

router = APIRouter(prefix="/incoming-rules", tags=["incoming rules"], responses=can_fail_with(401, 403))

Reader = Annotated[Actor, allowed(Scope.CONFIGURATION_READ)]
Writer = Annotated[Actor, allowed(Scope.CONFIGURATION_WRITE)]
_EXAMPLE = {
    "name": "no newsletters",
    "skip": True,
    "conditions": [{"on": "header", "header": "List-Unsubscribe"}],
    "action": {"do": "ignore"},
}
RuleForm = Annotated[Form, Body(description="A rule, or the fields of one that shall change.", examples=[_EXAMPLE])]


class Order(Input):
    """The ids of all rules, in their new order."""

    order: Annotated[list[Text], Field(max_length=10_000)]


@router.get("")
async def list_rules(actor: Reader, workspace: WorkspaceOf) -> list[dict[str, Any]]:
    """List the rules in their order."""
    return list(await workspace.incoming_rules.list(actor))


@router.post("", status_code=201, responses=can_fail_with(409))
async def add_rule(form: RuleForm, actor: Writer, workspace: WorkspaceOf) -> NewId:
    """Add a rule behind the others."""
    return NewId(id=await workspace.incoming_rules.add(actor, form))


@router.put("/order", status_code=204)
async def order_rules(form: Order, actor: Writer, workspace: WorkspaceOf) -> None:
    """Put the rules into another order."""
    await workspace.incoming_rules.move(actor, form.order)


@router.patch("/{rule}", status_code=204, responses=can_fail_with(404, 409))
async def change_rule(rule: Id, form: RuleForm, actor: Writer, workspace: WorkspaceOf) -> None:
    """Change some fields of a rule."""
    await workspace.incoming_rules.change(actor, rule, form)


@router.delete("/{rule}", status_code=204, responses=can_fail_with(404))
async def remove_rule(rule: Id, actor: Writer, workspace: WorkspaceOf) -> None:
    """Delete a rule."""
    await workspace.incoming_rules.remove(actor, rule)
