"""Gmail through a Google service account for mailport."""
