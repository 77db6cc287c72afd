"""Telling other systems what happened: who is told, what, and the delivery of it."""
