"""Microsoft Graph for mailport: sends as, and reads, mailboxes of Microsoft 365."""
