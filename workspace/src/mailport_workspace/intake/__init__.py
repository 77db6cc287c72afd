"""Incoming mail: poll, stage, hand to processing, finish in the mailbox; and what waits for a person."""
