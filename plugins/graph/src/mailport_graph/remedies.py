"""What each refusal of Microsoft Entra and Microsoft Graph means, and what an administrator does about it: two tables."""

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

__all__ = ["BY_CODE", "BY_NUMBER", "BY_OAUTH_ERROR", "BY_STATUS", "Meaning"]


@dataclass(frozen=True, slots=True)
class Meaning:
    """The class of an error, its stable code, the sentence about it, the field at fault and the remedy."""

    kind: type[MailportError]
    code: str
    said: str
    remedy: str
    field: str | None = None


_WAIT = "Nothing is to be done: it is tried again after a pause."
_CONSENT = (
    "In Microsoft Entra, under App registrations > API permissions, add the Microsoft Graph application permission Mail.Send "
    "(to read: Mail.ReadWrite) and choose “Grant admin consent”; or assign the role by RBAC for Applications."
)
_SCOPE = (
    "Check the application permission (Mail.Send; Mail.ReadWrite to read, and to send big files) and its admin consent; where "
    "RBAC for Applications or an Application Access Policy limits the app, include the mailbox: "
    "Test-ServicePrincipalAuthorization -Identity CLIENT_ID -Resource MAILBOX. Changes take up to two hours."
)
_MAILBOX = "Check User Name: it must be the user principal name or primary address of a mailbox in this tenant."
_CLOCK = "Check the clock of this machine, then upload the certificate under Certificates & secrets of the app registration."
_TENANT = "Copy the Directory (tenant) ID from the overview page of the app registration, and check the cloud."

# Graph's error codes, in lower case (https://learn.microsoft.com/graph/errors and what Exchange adds to it).
BY_CODE: dict[str, Meaning] = {
    "invalidauthenticationtoken": Meaning(
        AuthenticationFailed,
        "authentication.token_refused",
        "Microsoft Graph refused the token, also a fresh one.",
        "Check that cloud and tenant belong together; the token must be for the Graph host of this cloud.",
        "cloud",
    ),
    "erroraccessdenied": Meaning(
        PermissionDenied, "permission.denied", "The app may not use this mailbox.", _SCOPE, "client_id"
    ),
    "authorization_requestdenied": Meaning(
        PermissionDenied, "permission.consent", "The app has no permission that an admin consented to.", _CONSENT, "client_id"
    ),
    "errorsendasdenied": Meaning(
        PermissionDenied,
        "permission.send_as",
        "The mailbox may not send as this From address.",
        "Give it the right: Add-RecipientPermission FROM -Trustee USER_NAME -AccessRights SendAs; or send as User Name.",
        "from_address",
    ),
    "erroraccountsuspend": Meaning(
        PermissionDenied,
        "permission.suspended",
        "Microsoft has suspended sending for this mailbox.",
        "Release it in Microsoft Defender under Restricted entities, after finding out why it was suspended.",
        "user_name",
    ),
    "odata_disabled": Meaning(
        PermissionDenied,
        "permission.client_blocked",
        "Exchange lets only listed applications in.",
        "Allow the app: Set-OrganizationConfig or Set-CASMailbox with -EwsApplicationAccessPolicy and -EwsAllowList.",
        "client_id",
    ),
    "mailboxnotenabledforrestapi": Meaning(
        ConfigurationError,
        "permission.mailbox_disabled",
        "This mailbox cannot be used through Microsoft Graph: it is on-premises, unlicensed or inactive.",
        "Assign an Exchange Online licence, finish its migration, or use the EWS transport for an on-premises mailbox.",
        "user_name",
    ),
    "errorinvaliduser": Meaning(
        ConfigurationError, "permission.mailbox_missing", "There is no such user in the tenant.", _MAILBOX, "user_name"
    ),
    "erroritemnotfound": Meaning(
        NotFound, "read.gone", "The message is gone.", "Nothing is to be done: somebody moved or deleted it."
    ),
    "errorfoldernotfound": Meaning(
        NotFound, "folder.missing", "There is no such folder.", "Check the folder's name in the mailbox.", "folder"
    ),
    "syncstatenotfound": Meaning(
        NotFound, "read.cursor", "Microsoft Graph no longer knows where the last round ended.", "Read from the beginning."
    ),
    "errormimecontentinvalid": Meaning(
        Refused, "send.content", "Exchange cannot read the message as MIME.", "Check the original of the message."
    ),
    "errorinvalidinternetmessageheader": Meaning(
        Refused, "send.header", "Exchange does not take a header of the message.", "Leave the header out."
    ),
    "errorinvalidrecipients": Meaning(
        Refused, "send.recipients", "Exchange does not take the recipients.", "Check the addresses of the message."
    ),
    "errormessagesizeexceeded": Meaning(
        Refused,
        "send.too_large",
        "The message is larger than the mailbox may send.",
        "Raise the limit (Set-Mailbox -MaxSendSize, at most 150 MB) or send a link to the files.",
    ),
    "errorquotaexceeded": Meaning(
        Throttled,
        "send.mailbox_full",
        "The mailbox is full.",
        "Empty it, or raise its quota (Set-Mailbox -ProhibitSendQuota).",
        "user_name",
    ),
    "errorexceededmessagelimit": Meaning(
        Throttled,
        "send.daily_limit",
        "The mailbox has sent as much as it may in 24 hours.",
        "Wait, or spread the mail over several mailboxes: Exchange Online allows 10,000 recipients a day.",
        "user_name",
    ),
    "errorirresolvableconflict": Meaning(
        Unreachable, "read.conflict", "Somebody changed the same message in the same moment.", _WAIT
    ),
    "errormailboxmoveinprogress": Meaning(Unreachable, "folder.mailbox_moving", "The mailbox is being moved.", _WAIT),
    "errormailboxstoreunavailable": Meaning(
        Unreachable, "folder.mailbox_unavailable", "The mailbox cannot be reached now.", _WAIT
    ),
}
for _alias, _code in {
    "mailboxnotsupportedforrestapi": "mailboxnotenabledforrestapi",
    "mailboxnothostedinexchangeonline": "mailboxnotenabledforrestapi",
    "errornonexistentmailbox": "errorinvaliduser",
    "request_resourcenotfound": "errorinvaliduser",
    "resourcenotfound": "errorinvaliduser",
    "syncstateinvalid": "syncstatenotfound",
    "resyncrequired": "syncstatenotfound",
    "errormimecontentinvalidbase64string": "errormimecontentinvalid",
    "errorinvalidmimecontent": "errormimecontentinvalid",
    "errorinvalidinternetmessageheadercollection": "errorinvalidinternetmessageheader",
    "errorsubmissionquotaexceeded": "errorexceededmessagelimit",
}.items():
    BY_CODE[_alias] = BY_CODE[_code]

BY_STATUS: dict[int, Meaning] = {
    401: BY_CODE["invalidauthenticationtoken"],
    403: BY_CODE["erroraccessdenied"],
    404: BY_CODE["errorinvaliduser"],
    409: BY_CODE["errorirresolvableconflict"],
    410: BY_CODE["syncstatenotfound"],
    412: BY_CODE["errorirresolvableconflict"],
    413: BY_CODE["errormessagesizeexceeded"],
    429: Meaning(Throttled, "send.throttled", "Microsoft Graph asks to come back later.", _WAIT),
    507: BY_CODE["errorquotaexceeded"],
}

# The class of a refused token request goes by OAuth's own word; the numbers are for people
# (https://learn.microsoft.com/entra/identity-platform/reference-error-codes).
BY_OAUTH_ERROR: dict[str, Meaning] = {
    "invalid_client": Meaning(
        AuthenticationFailed,
        "authentication.client_refused",
        "Microsoft Entra refused the app's secret or certificate.",
        "Create a new secret or upload the certificate under Certificates & secrets of the app registration.",
        "client_secret_key",
    ),
    "unauthorized_client": Meaning(
        ConfigurationError,
        "authentication.client_not_allowed",
        "Microsoft Entra does not let this app in.",
        "Copy the Application (client) ID from the app registration, and check that the tenant is the right one.",
        "client_id",
    ),
    "invalid_request": Meaning(
        ConfigurationError,
        "authentication.token_request",
        "Microsoft Entra does not take the request for a token.",
        _TENANT,
        "client_tenant_id",
    ),
    "invalid_scope": Meaning(
        ConfigurationError,
        "authentication.scope",
        "This tenant has no Microsoft Graph at the host of the chosen cloud.",
        "Choose the cloud in which the tenant lives.",
        "cloud",
    ),
    "access_denied": Meaning(
        PermissionDenied, "authentication.denied", "Microsoft Entra denies the app access.", _CONSENT, "client_id"
    ),
    "temporarily_unavailable": Meaning(
        Unreachable, "authentication.token_unavailable", "Microsoft Entra is not available now.", _WAIT
    ),
}
BY_OAUTH_ERROR["invalid_resource"] = BY_OAUTH_ERROR["invalid_scope"]
BY_OAUTH_ERROR["server_error"] = BY_OAUTH_ERROR["temporarily_unavailable"]

BY_NUMBER: dict[int, tuple[str, str, str]] = {
    7000215: (
        "authentication.secret_wrong",
        "client_secret_key",
        "Enter the secret's Value; often its Secret ID is pasted. If the value is lost, create a new secret.",
    ),
    7000222: (
        "authentication.secret_expired",
        "client_secret_key",
        "The secret has ended: create a new one under Certificates & secrets of the app registration and enter its value.",
    ),
    700027: ("authentication.certificate_unknown", "client_certificate", _CLOCK),
    700024: ("authentication.clock", "client_certificate", _CLOCK),
    700016: (
        "authentication.client_unknown",
        "client_id",
        "Copy the Application (client) ID from the app registration, and check that the tenant is the right one.",
    ),
    90002: ("authentication.tenant_unknown", "client_tenant_id", _TENANT),
    900023: ("authentication.tenant_unknown", "client_tenant_id", _TENANT),
    900382: ("authentication.cloud", "cloud", "The app lives in another cloud: choose that one."),
    500011: ("authentication.scope", "cloud", "Choose the cloud in which the tenant lives."),
    7000112: (
        "authentication.client_disabled",
        "client_id",
        "Enable the app in Microsoft Entra under Enterprise applications > Properties > Enabled for users to sign in.",
    ),
    53003: (
        "authentication.conditional_access",
        "client_id",
        "A Conditional Access policy for workload identities blocks the app: exclude it, or allow this machine's address.",
    ),
    65001: ("authentication.consent", "client_id", _CONSENT),
}
BY_NUMBER[530035] = BY_NUMBER[53003]
