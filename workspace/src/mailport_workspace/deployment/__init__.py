"""The processes of a deployment: what each does, how it ends, and what all of them share."""
