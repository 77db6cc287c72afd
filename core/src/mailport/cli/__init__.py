"""The command line: one module per command, imported when it is named. Needs the extra ``mailport[cli]``."""
