"""What a tenant tells about the mail it gets: the rows of its tabs, its own addresses, what conversation ids are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from mailport.policies.conversation_ids import PREFIX
from mailport.rules import RecognitionRules
from mailport_workspace.tables import Inbox, MailConfiguration, Tab, TabRow
from mailport_workspace.tenants.configuration import FORMER_PREFIXES
from mailport_workspace.tenants.handling import Handling
from mailport_workspace.tenants.options import TenantOptions

__all__ = ["ALLOW", "DENY", "own_addresses", "prefixes_of", "recognition_rules"]

ALLOW, DENY = "allow", "deny"
"""What a row of the senders' tab says."""

_ACCOUNT_ADDRESSES = ("user_name", "from_address")


def recognition_rules(
    tabs: Iterable[TabRow],
    *,
    handling: Handling,
    options: TenantOptions,
    own: Sequence[str],
    secrets: Sequence[bytes],
    prefixes: Sequence[str],
) -> RecognitionRules:
    """Return the rules by which the mail of one inbox is looked at."""
    rows = {tab: [row for row in tabs if row.tab is tab] for tab in Tab}
    return RecognitionRules(
        own_addresses=tuple(own),
        own_domains=tuple(dict.fromkeys(address.rpartition("@")[2] for address in own)),
        allowed_senders=_senders(rows[Tab.SENDERS], ALLOW),
        denied_senders=_senders(rows[Tab.SENDERS], DENY),
        ignored_subjects=_words(rows[Tab.IGNORED_SUBJECTS]),
        failure_subjects=_words(rows[Tab.FAILURE_SUBJECTS]),
        truncate_at=_words(rows[Tab.TRUNCATE_BODY]),
        status_keywords=_meanings(rows[Tab.TASK_KEYWORDS]),
        approval_keywords=_meanings(rows[Tab.APPROVAL_KEYWORDS]),
        object_words=_meanings(rows[Tab.OBJECT_NAMES]),
        conversation_secrets=tuple(secrets),
        conversation_prefixes=tuple(prefixes),
        field_separator=handling.field_separator,
        record_marker=handling.record_marker,
        strict_compatibility=options.strict_compatibility,
    )


def _words(rows: Iterable[TabRow]) -> tuple[str, ...]:
    return tuple(row.word for row in rows)


def _meanings(rows: Iterable[TabRow]) -> Mapping[str, str]:
    return {row.word: row.meaning for row in rows}


def _senders(rows: Iterable[TabRow], meaning: str) -> tuple[str, ...]:
    return tuple(row.word for row in rows if row.meaning == meaning)


def own_addresses(configuration: MailConfiguration, inboxes: Iterable[Inbox]) -> tuple[str, ...]:
    """Return the addresses of the tenant's inboxes and accounts, in small letters."""
    named = [configuration.values.get(name) for name in _ACCOUNT_ADDRESSES]
    for inbox in inboxes:
        named += [inbox.handling.get("address"), *(inbox.values.get(name) for name in _ACCOUNT_ADDRESSES)]
    return tuple(dict.fromkeys(address.lower() for address in named if isinstance(address, str) and "@" in address))


def prefixes_of(configuration: MailConfiguration, options: Mapping[str, object]) -> tuple[str, ...]:
    """Return the prefix of conversation ids, and every former one (SND-21)."""
    former = options.get(FORMER_PREFIXES)
    named = [configuration.values.get("conversation_id_prefix"), *(former if isinstance(former, list) else ()), PREFIX]
    return tuple(dict.fromkeys(prefix for prefix in named if isinstance(prefix, str) and prefix))
