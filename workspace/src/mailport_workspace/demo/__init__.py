"""The demonstration: a whole workspace in one folder of this machine, with a sample tenant and a mail server for it."""
