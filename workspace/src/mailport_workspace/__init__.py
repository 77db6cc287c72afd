"""A multi-tenant host of mailport."""
