"""Incoming mail: poll, stage, match, process, finish; and what waits for a person."""
