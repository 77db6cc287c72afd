"""mailport."""
