"""The test kit: a mail system in memory for hosts, and the conformance cases that every transport passes.

``memory`` needs nothing but the core; ``conformance`` and ``fixtures`` need pytest (``mailport[testing]``).
"""
