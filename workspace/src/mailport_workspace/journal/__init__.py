"""Reading the journal: a mail's content made harmless, and an account of what happened to it."""
