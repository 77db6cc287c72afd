"""Dovecot's configuration files: unprivileged, on loopback, quick, and without the traps that make tests flake."""

from dataclasses import dataclass
from pathlib import Path
from string import Template

_MAIN = Template("""
base_dir = $folder/run
state_dir = $folder/run
log_path = $folder/dovecot.log
listen = 127.0.0.1
protocols = imap pop3 lmtp
import_environment = TZ OPENSSL_CONF=$folder/openssl.cnf

default_login_user = $user
default_internal_user = $user
default_internal_group = $group
mail_uid = $user
mail_gid = $group
first_valid_uid = 1
first_valid_gid = 0

mail_home = $folder/mail/%u
mail_location = maildir:~/Maildir
mail_save_crlf = yes
mail_fsync = never
mail_max_userip_connections = 1000
namespace inbox {
  inbox = yes
  separator = /
}

ssl = yes
ssl_cert = <$certificate
ssl_key = <$certificate
ssl_min_protocol = $min_protocol
ssl_cipher_list = $ciphers

# Not only ASCII, and the whole address is the user name.
auth_username_chars =
auth_username_format = %u
auth_mechanisms = plain login scram-sha-1 scram-sha-256 $token_mechanisms
auth_failure_delay = 0

# One file per user, since a file is looked at again once a second at most. Without the list of mechanisms an OAuth login
# also counts as a password mismatch.
passdb {
  driver = passwd-file
  mechanisms = plain login scram-sha-1 scram-sha-256
  args = scheme=PLAIN username_format=%u $folder/users/%u
}
$token_passdb
# Every user may receive mail.
userdb {
  driver = static
  args = uid=$user gid=$group home=$folder/mail/%u allow_all_users=yes
}

service imap-login {
  chroot =
  inet_listener imap {
    port = $imap
  }
  inet_listener imaps {
    port = $imaps
    ssl = yes
  }
}
service pop3-login {
  chroot =
  inet_listener pop3 {
    port = $pop3
  }
  inet_listener pop3s {
    port = $pop3s
    ssl = yes
  }
}
service lmtp {
  inet_listener lmtp {
    port = $lmtp
  }
}
service auth {
  inet_listener sasl {
    port = $sasl
  }
}
# With the penalty a login after a failed one would take 2 to 15 seconds.
service anvil {
  chroot =
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service stats {
  chroot =
}
$extra
""")

_TOKEN_PASSDB = Template("""
passdb {
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = $folder/oauth2.conf
}
""")

_OAUTH2 = Template("""
introspection_mode = local
local_validation_key_dict = fs:posix:prefix=$token_keys/
username_attribute = username
scope = mail
""")

# Dovecot 2.3 has no setting for the highest version, but OpenSSL has one.
_OPENSSL = Template("""
openssl_conf = init
[init]
ssl_conf = ssl
[ssl]
system_default = defaults
[defaults]
$defaults
""")
_TLS10 = "MinProtocol = TLSv1\nMaxProtocol = TLSv1\nCipherString = ALL:@SECLEVEL=0"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What differs from one instance to the next."""

    folder: Path
    user: str
    group: str
    certificate: Path
    ports: dict[str, int]
    token_keys: Path | None = None
    tls10_only: bool = False
    extra: str = ""


def write(settings: Settings) -> Path:
    """Write every configuration file into the instance's folder; the path of the main one."""
    folder = settings.folder
    (folder / "openssl.cnf").write_text(_OPENSSL.substitute(defaults=_TLS10 if settings.tls10_only else ""))
    if settings.token_keys:
        (folder / "oauth2.conf").write_text(_OAUTH2.substitute(token_keys=settings.token_keys))
    main = folder / "dovecot.conf"
    main.write_text(_main(settings))
    return main


def _main(settings: Settings) -> str:
    legacy, folder = settings.tls10_only, settings.folder
    return _MAIN.substitute(
        settings.ports,
        folder=folder,
        user=settings.user,
        group=settings.group,
        certificate=settings.certificate,
        min_protocol="TLSv1" if legacy else "TLSv1.2",
        ciphers="ALL:@SECLEVEL=0" if legacy else "HIGH:!aNULL",
        token_mechanisms="xoauth2 oauthbearer" if settings.token_keys else "",
        token_passdb=_TOKEN_PASSDB.substitute(folder=folder) if settings.token_keys else "",
        extra=settings.extra,
    )
