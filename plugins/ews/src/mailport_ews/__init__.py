"""Exchange Web Services for mailport."""
