"""Microsoft Graph for mailport."""
