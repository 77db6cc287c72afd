"""What an incoming mail is: every recogniser looks at it, none can stop the others."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from mailport.errors import UnsupportedFeature
from mailport.message import Message
from mailport.policies import Recogniser
from mailport.rules import RecognitionRules

__all__ = ["recognise"]

_log = logging.getLogger(__name__)


def recognise(message: Message, rules: RecognitionRules, recognisers: Sequence[Recogniser]) -> Mapping[str, object]:
    """Return what was found, by the recogniser's name, in the order of their stages.

    One that fails is logged and finds nothing: a mail must not get lost because a rule has a bug.
    """
    findings: dict[str, object] = {}
    for recogniser in recognisers:
        try:
            found = recogniser.recognise(message, rules)
        except UnsupportedFeature as error:  # an extra is not installed: a choice of the host, not a bug
            _log.debug("recogniser %s is off: %s %s", recogniser.name, error, error.remedy)
            continue
        except Exception:
            _log.exception("recogniser %s failed on %s", recogniser.name, message.message_id)
            continue
        if found is not None:
            findings[recogniser.name] = found
    return findings
