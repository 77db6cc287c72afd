"""The REST API: each module is one resource under ``/api/v1``."""
