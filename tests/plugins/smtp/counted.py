"""What every harness over a scripted server counts."""

import time

from tests.peers.scripted_imap import ScriptedImap
from tests.peers.scripted_pop3 import ScriptedPop3
from tests.peers.scripted_smtp import ScriptedSmtp


class Counted:
    """The connections and sign-ins of `server`; `password` is the only right one."""

    server: ScriptedImap | ScriptedPop3 | ScriptedSmtp
    password: str

    @property
    def connections(self) -> int:
        return self.server.connections

    @property
    def open_connections(self) -> int:
        give_up = time.monotonic() + 1
        while self.server.open_connections and time.monotonic() < give_up:  # it notices a little later
            time.sleep(0.005)
        return self.server.open_connections

    @property
    def failed_sign_ins(self) -> int:
        return sum(login.secret != self.password for login in self.server.logins)
