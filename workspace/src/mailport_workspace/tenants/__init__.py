"""What a tenant decides: configuration, inboxes, users; with its audit history, export and import."""
