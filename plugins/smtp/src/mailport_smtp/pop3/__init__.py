"""Receiving by POP3."""
