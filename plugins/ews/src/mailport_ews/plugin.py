"""The hooks of this package."""
