"""Receiving by IMAP."""
