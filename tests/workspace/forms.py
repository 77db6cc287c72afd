"""Filled-in forms, with a secret of their own each time."""

import secrets

from mailport_workspace.tables import Role
from mailport_workspace.tenants.actor import Actor


def smtp(**more):
    """An outgoing account with a password."""
    return {
        "protocol": "smtp",
        "authentication": "auth_login",
        "host": "mail.example.test",
        "user_name": "desk@example.test",
        "password": secrets.token_urlsafe(16),
    } | more


def imap(**more):
    """An inbox that is read by IMAP."""
    return {
        "name": "Desk",
        "address": "desk@example.test",
        "protocol": "imap",
        "authentication": "auth_login",
        "host": "mail.example.test",
        "user_name": "desk@example.test",
        "password": secrets.token_urlsafe(16),
    } | more


def pop3(**more):
    """An inbox that is read by POP3."""
    return imap(protocol="pop3") | more


def oauth_inbox(**more):
    """An inbox whose authentication only Advanced offers."""
    form = imap(authentication="xoauth2", token_url="https://login.example.test/token", scope="mail", client_id="client")
    del form["password"]
    return form | {"client_secret_key": secrets.token_urlsafe(16)} | more


def administrator(actor):
    """An administrator of the actor's tenant, who does not operate the deployment."""
    return Actor(tenant=actor.tenant, user="admin", name="Admin", role=Role.ADMINISTRATOR)


def agent(actor):
    """Somebody of the actor's tenant who may not touch the configuration."""
    return Actor(tenant=actor.tenant, user="agent", name="Agent", role=Role.AGENT)
