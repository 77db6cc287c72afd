"""Sending by SMTP: one connection, and how messages travel on it."""
