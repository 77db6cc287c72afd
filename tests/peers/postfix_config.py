"""Postfix's configuration files: a main.cf for the delivery, and a master.cf with one line per kind of server."""

import os
from pathlib import Path
from string import Template

from tests.peers.dovecot import Dovecot
from tests.peers.pki import Pki
from tests.peers.ports import HOST

DOMAIN = "example.test"
SMALL = 100_000
DELIVERY_AGENT = "/usr/lib/dovecot/dovecot-lda"
LARGE = 60 * 1024 * 1024

# What is answered to RCPT for these recipients; everybody else gets the mail.
VERDICTS = {
    f"rejected@{DOMAIN}": "550 5.1.1 No such user here",
    f"forbidden@{DOMAIN}": "550 5.7.1 Delivery not authorized",
    f"deferred@{DOMAIN}": "451 4.3.0 Try again later",
    f"full@{DOMAIN}": "452 4.2.2 The mailbox is full",
}

_STARTTLS = {"smtpd_tls_security_level": "encrypt", "smtpd_tls_auth_only": "yes"}
_WRAPPED = {**_STARTTLS, "smtpd_tls_wrappermode": "yes"}
_AUTH = {"smtpd_sasl_auth_enable": "yes", "smtpd_client_restrictions": "permit_sasl_authenticated,reject"}
_TLS10 = {
    "smtpd_tls_mandatory_protocols": "TLSv1,TLSv1.1",
    "smtpd_tls_mandatory_ciphers": "low",
    "tls_low_cipherlist": "ALL:@SECLEVEL=0",
}
_CLIENT_CERT = {"smtpd_tls_req_ccert": "yes", "smtpd_tls_ask_ccert": "yes"}
_BARE = {"smtpd_discard_ehlo_keywords": "8bitmime,dsn,pipelining,chunking,smtputf8,etrn,vrfy"}

# The settings of each port, on top of main.cf.
SERVICES: dict[str, dict[str, str]] = {
    "plain": {},
    "submission": _STARTTLS | _AUTH,
    "smtps": _WRAPPED | _AUTH,
    "tls10": _STARTTLS | _TLS10 | _AUTH,
    "expired": _STARTTLS | _AUTH | {"smtpd_tls_chain_files": "$pki_expired"},
    "wrong_name": _STARTTLS | _AUTH | {"smtpd_tls_chain_files": "$pki_wrong_name"},
    "unknown_ca": _STARTTLS | _AUTH | {"smtpd_tls_chain_files": "$pki_unknown_ca"},
    "client_cert": _STARTTLS | _CLIENT_CERT,
    "no_8bitmime": _BARE,
    "small": {"message_size_limit": str(SMALL)},
}

_MAIN = Template("""
compatibility_level = 3.6
queue_directory = $folder/queue
data_directory = $folder/data
maillog_file = $folder/postfix.log
maillog_file_prefixes = /var, $folder
mail_owner = postfix
setgid_group = postdrop

myhostname = mail.$domain
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
mynetworks =
inet_interfaces = $host
inet_protocols = ipv4
disable_dns_lookups = yes
smtp_host_lookup = native

virtual_transport = dovecot
dovecot_destination_recipient_limit = 1
virtual_mailbox_domains = $domain
virtual_mailbox_maps =
message_size_limit = $large
smtputf8_enable = yes
# Messages arrive as they were sent: nothing is added, and a Bcc that leaked is seen.
local_header_rewrite_clients =
message_drop_headers =

pki_expired = $expired
pki_wrong_name = $wrong_name
pki_unknown_ca = $unknown_ca
smtpd_tls_chain_files = $good
smtpd_tls_CAfile = $ca
smtpd_tls_security_level = none
smtpd_tls_mandatory_protocols = >=TLSv1.2

smtpd_sasl_type = dovecot
smtpd_sasl_path = inet:$host:$sasl

smtpd_relay_restrictions =
smtpd_recipient_restrictions = check_recipient_access inline:{ $verdicts }, reject_unauth_destination
smtpd_peername_lookup = no
smtpd_error_sleep_time = 0
smtpd_soft_error_limit = 1000
smtpd_hard_error_limit = 1000
smtpd_junk_command_limit = 1000
smtpd_client_connection_count_limit = 0
default_process_limit = 200
""")

# name, type, private, unprivileged, chroot, wake-up, process limit, program
_INTERNAL = Template("""
postlog unix-dgram n - n - 1 postlogd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache

# Not over LMTP, where Dovecot 2.3 has no SMTPUTF8. Postfix adds Return-Path and Delivered-To; Dovecot's program wants an
# ASCII address, which it then does not use.
dovecot unix - n n - - pipe
  flags=DRX user=$user null_sender= argv=$lda -c $config -e -a postmaster@$domain -d $${recipient}
""")


def write(folder: Path, ports: dict[str, int], *, pki: Pki, dovecot: Dovecot) -> None:
    """Write main.cf and master.cf into `folder`."""
    main = folder / "main.cf"
    main.write_text(_main(folder, pki, dovecot))
    # Every process waits until main.cf is older than a second, lest it be half written.
    os.utime(main, (0, 0))
    lines = [f"{HOST}:{port} inet n - n - - smtpd{_options(SERVICES[name])}" for name, port in ports.items()]
    (folder / "master.cf").write_text("\n".join(lines) + _internal(dovecot))


def _main(folder: Path, pki: Pki, dovecot: Dovecot) -> str:
    return _MAIN.substitute(
        vars(pki),
        folder=folder,
        domain=DOMAIN,
        host=HOST,
        large=LARGE,
        sasl=dovecot.sasl,
        verdicts=", ".join(f"{{ {recipient} = {reply} }}" for recipient, reply in VERDICTS.items()),
    )


def _internal(dovecot: Dovecot) -> str:
    config = dovecot.folder / "dovecot.conf"
    return _INTERNAL.substitute(user=dovecot.owner.pw_name, lda=DELIVERY_AGENT, config=config, domain=DOMAIN)


def _options(settings: dict[str, str]) -> str:
    return "".join(f"\n  -o {{ {name} = {value} }}" for name, value in settings.items())
