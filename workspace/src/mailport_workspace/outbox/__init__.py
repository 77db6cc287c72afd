"""Outgoing mail: stored with its job in one transaction, drained account by account, looked up where it is uncertain."""
