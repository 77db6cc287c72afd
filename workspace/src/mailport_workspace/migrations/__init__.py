"""The history of the tables, run by ``mailport_workspace.database.migrate``."""
