"""The commands of the operator: one module per command, imported when it is named."""
