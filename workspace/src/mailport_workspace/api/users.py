"""The users of a tenant."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field

from mailport_workspace.access.caller import Scope
from mailport_workspace.api.access import WorkspaceOf, allowed
from mailport_workspace.api.errors import can_fail_with
from mailport_workspace.api.shapes import Id, Input, Secret, Text
from mailport_workspace.tables import Role
from mailport_workspace.tenants.actor import Actor

__all__ = ["router"]

router = APIRouter(prefix="/users", tags=["users"], responses=can_fail_with(401, 403))

Admin = Annotated[Actor, allowed(Scope.ADMIN)]
Name = Annotated[Text, Field(min_length=1, max_length=200, examples=["Ann"])]


class UserForm(Input):
    """A user who is to be made."""

    email: Annotated[Text, Field(max_length=320, examples=["ann@example.org"])]
    name: Name
    role: Role
    password: Secret


class UserChange(Input):
    """What shall change; what is left out stays."""

    name: Name | None = None
    role: Role | None = None
    active: bool | None = None


class NewPassword(Input):
    """A password that an administrator sets."""

    password: Secret


class User(BaseModel):
    """A user; one that is not active cannot sign in."""

    id: str
    email: str
    name: str
    role: Role
    active: bool


@router.get("")
async def list_users(actor: Admin, workspace: WorkspaceOf) -> list[User]:
    """List the users of the tenant."""
    return [User.model_validate(user) for user in await workspace.users.list(actor)]


@router.post("", status_code=201, responses=can_fail_with(409))
async def create_user(form: UserForm, actor: Admin, workspace: WorkspaceOf) -> User:
    """Make a user."""
    password = form.password.get_secret_value()
    made = await workspace.users.create(actor, email=form.email, name=form.name, role=form.role, password=password)
    return User.model_validate(await workspace.users.read(actor, made))


@router.get("/{user}", responses=can_fail_with(404))
async def read_user(user: Id, actor: Admin, workspace: WorkspaceOf) -> User:
    """Return one user."""
    return User.model_validate(await workspace.users.read(actor, user))


@router.patch("/{user}", responses=can_fail_with(404))
async def change_user(user: Id, form: UserChange, actor: Admin, workspace: WorkspaceOf) -> User:
    """Give another name or role, or let in or out; the last administrator stays one."""
    await workspace.users.change(actor, user, name=form.name, role=form.role, active=form.active)
    return User.model_validate(await workspace.users.read(actor, user))


@router.put("/{user}/password", status_code=204, responses=can_fail_with(404))
async def set_password(user: Id, form: NewPassword, actor: Admin, workspace: WorkspaceOf) -> None:
    """Set the password of a user, who is signed out everywhere."""
    await workspace.users.set_password(actor, user, form.password.get_secret_value())
