"""What the response codes of Exchange mean: which error, at which setting, and what a person can do about it."""

from __future__ import annotations

from dataclasses import dataclass

from mailport.errors import (
    AuthenticationFailed,
    ConfigurationError,
    MailportError,
    NotFound,
    PermissionDenied,
    Refused,
    Throttled,
    Unreachable,
)

__all__ = ["KNOWN", "Meaning"]

_IMPERSONATION = (
    "Grant the right to act for this mailbox: in Exchange Online full_access_as_app or the RBAC role Application "
    "EWS.AccessAsApp, on your own server the role ApplicationImpersonation (New-ManagementRoleAssignment)."
)
_DELEGATE = (
    "Grant the login Full Access to this mailbox (Add-MailboxPermission -AccessRights FullAccess), or correct User Name."
)
_LATER = "Nothing to do: it is tried again later."


@dataclass(frozen=True, slots=True)
class Meaning:
    """One response code: the class of its error, our code, the field at fault, what it says, and the remedy."""

    kind: type[MailportError]
    code: str
    said: str
    remedy: str
    field: str | None = None


def _refused(code: str, said: str, remedy: str) -> Meaning:
    return Meaning(Refused, code, said, remedy)


def _later(code: str, said: str) -> Meaning:
    return Meaning(Unreachable, code, said, _LATER)


_AUTHENTICATION = {
    "ErrorPasswordExpired": Meaning(
        AuthenticationFailed, "authentication.password_expired", "The password has expired.", "Set a new password.", "password"
    ),
    "ErrorPasswordChangeRequired": Meaning(
        AuthenticationFailed,
        "authentication.password_expired",
        "The password must be changed first.",
        "Sign in once with a browser and set a new password.",
        "password",
    ),
    "ErrorAccountDisabled": Meaning(
        AuthenticationFailed,
        "authentication.account_disabled",
        "The account is disabled.",
        "Have the account enabled (Enable-ADAccount, or the user's page in the admin centre).",
        "user_name",
    ),
    "ErrorInvalidLicense": Meaning(
        ConfigurationError,
        "permission.mailbox_disabled",
        "The mailbox has no valid licence.",
        "Assign a licence that includes Exchange to this user.",
        "user_name",
    ),
}

_RIGHTS = {
    "ErrorAccessDenied": Meaning(
        PermissionDenied,
        "permission.denied",
        "Access to the mailbox is denied.",
        f"{_DELEGATE} Or: {_IMPERSONATION}",
        "user_name",
    ),
    "ErrorImpersonateUserDenied": Meaning(
        PermissionDenied,
        "permission.impersonation",
        "The application may not act for this mailbox.",
        _IMPERSONATION,
        "user_name",
    ),
    "ErrorSendAsDenied": Meaning(
        PermissionDenied,
        "permission.send_as",
        "This account may not send with the From address of the message.",
        "Grant Send As for that address (Add-RecipientPermission or Add-ADPermission -ExtendedRights Send-As), or correct "
        "From Address.",
        "from_address",
    ),
    "ErrorQuotaExceeded": Meaning(
        PermissionDenied, "send.mailbox_full", "The mailbox is full.", "Empty it, raise its quota, or do not save sent items."
    ),
    "ErrorNonExistentMailbox": Meaning(
        ConfigurationError,
        "permission.mailbox_missing",
        "There is no mailbox with the address in User Name on this server.",
        "Correct User Name, or assign a licence; where mailboxes are split between cloud and own server, check Host as well.",
        "user_name",
    ),
}
_RIGHTS |= dict.fromkeys(("ErrorImpersonationDenied", "ErrorImpersonationFailed"), _RIGHTS["ErrorImpersonateUserDenied"])
_RIGHTS |= dict.fromkeys(
    ("ErrorMissingEmailAddress", "ErrorInvalidSmtpAddress", "ErrorMailRecipientNotFound"), _RIGHTS["ErrorNonExistentMailbox"]
)
_RIGHTS["ErrorCreateItemAccessDenied"] = _RIGHTS["ErrorAccessDenied"]

_GONE = {
    "ErrorFolderNotFound": Meaning(
        NotFound, "folder.missing", "The folder is not there.", "Correct Folder, or create it in the mailbox.", "folder"
    ),
    "ErrorItemNotFound": Meaning(NotFound, "read.gone", "The message is gone.", "Nothing to do: it was moved or deleted."),
    "ErrorInvalidSyncStateData": Meaning(
        NotFound, "read.cursor", "The server no longer knows where reading had stopped.", "The folder is read from its start."
    ),
}
_GONE |= dict.fromkeys(("ErrorParentFolderNotFound", "ErrorToFolderNotFound"), _GONE["ErrorFolderNotFound"])
_GONE["ErrorSyncFolderNotFound"] = _GONE["ErrorFolderNotFound"]
_GONE |= dict.fromkeys(
    ("ErrorInvalidIdMalformed", "ErrorInvalidId", "ErrorInvalidIdEmpty", "ErrorInvalidIdNotAnItemAttachmentId"),
    _GONE["ErrorItemNotFound"],
)

_MESSAGE = {
    "ErrorMessageSizeExceeded": _refused(
        "send.too_large",
        "The message is larger than the server allows.",
        "Shrink it, or raise the limits of Exchange (maxRequestLength of EWS, Set-TransportConfig -MaxSendSize).",
    ),
    "ErrorInvalidRecipients": _refused(
        "send.recipients", "The server refuses the recipients.", "Correct the addresses of the message."
    ),
    "ErrorMimeContentInvalid": _refused(
        "send.content", "The server cannot read the message.", "Report this with the message to the people who made it."
    ),
    "ErrorMimeContentConversionFailed": _refused(
        "read.withheld",
        "The server cannot turn the message into MIME.",
        "Open it with Outlook; it stays in the mailbox.",
    ),
}
_MESSAGE["ErrorMissingRecipients"] = _MESSAGE["ErrorInvalidRecipients"]
_MESSAGE |= dict.fromkeys(
    ("ErrorMimeContentInvalidBase64String", "ErrorContentConversionFailed", "ErrorCorruptData", "ErrorItemCorrupt"),
    _MESSAGE["ErrorMimeContentInvalid"],
)

_LIMITS = {
    "ErrorServerBusy": Meaning(Throttled, "send.throttled", "The server is busy and asks to come back later.", _LATER),
    "ErrorExceededConnectionCount": Meaning(
        Throttled,
        "send.too_many_connections",
        "The server has too many connections of this account.",
        "Lower Connections.",
        "max_connections",
    ),
    "ErrorSubmissionQuotaExceeded": Meaning(
        Throttled, "send.daily_limit", "The mailbox has reached its sending limit.", "Wait, or have the limit raised."
    ),
}
_LIMITS |= dict.fromkeys(
    ("ErrorExceededFindCountLimit", "ErrorTooManyObjectsOpened", "ErrorExceededSubscriptionCount"), _LIMITS["ErrorServerBusy"]
)

_TRANSIENT = {
    "ErrorMailboxStoreUnavailable": _later("folder.mailbox_unavailable", "The mailbox cannot be reached now."),
    "ErrorMailboxMoveInProgress": _later("folder.mailbox_moving", "The mailbox is being moved."),
    "ErrorInternalServerTransientError": _later("greeting.unavailable", "The server has a passing fault."),
    "ErrorBatchProcessingStopped": _later("send.stopped", "The server stopped before this message."),
}
_TRANSIENT |= dict.fromkeys(
    ("ErrorMailboxFailover", "ErrorConnectionFailed", "ErrorMailboxConfiguration"), _TRANSIENT["ErrorMailboxStoreUnavailable"]
)
_TRANSIENT |= dict.fromkeys(
    (
        "ErrorADUnavailable",
        "ErrorConnectionFailedTransientError",
        "ErrorTimeoutExpired",
        "ErrorInternalServerError",
        "ErrorInsufficientResources",
        "ErrorADOperation",
    ),
    _TRANSIENT["ErrorInternalServerTransientError"],
)

_VERSION = Meaning(
    ConfigurationError,
    "capabilities.version",
    "The server is too old: Exchange 2010 with Service Pack 2 is needed.",
    "Update the server, or use SMTP and IMAP.",
    "host",
)
_VERSIONS = dict.fromkeys(
    ("ErrorInvalidServerVersion", "ErrorIncorrectSchemaVersion", "ErrorInvalidSchemaVersionForMailboxVersion"), _VERSION
)

KNOWN: dict[str, Meaning] = {**_AUTHENTICATION, **_RIGHTS, **_GONE, **_MESSAGE, **_LIMITS, **_TRANSIENT, **_VERSIONS}
"""By response code; a code that is not here is told as it is."""
