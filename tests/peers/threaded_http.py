"""An HTTP server with a thread per connection: how the peers that need one start it and end it."""

import ssl
import sys
import threading
from http.server import ThreadingHTTPServer
from typing import Any, Self

from tests.peers.ports import HOST

_PATIENCE = 10.0


class Listener(ThreadingHTTPServer):
    """Listens on a free port; with a context it speaks TLS. Its threads keep nobody waiting, whatever clients leave open."""

    request_queue_size = 128

    def __init__(self, handler: Any, context: ssl.SSLContext | None = None) -> None:
        super().__init__((HOST, 0), handler)
        if context is not None:  # the handshake is left to the thread of the connection
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up or do not trust the certificate are not worth a line."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class ThreadedHttp:
    """Serves from entering to leaving the block."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._thread = threading.Thread(target=listener.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.let_go()
        self._listener.shutdown()
        self._thread.join(_PATIENCE)
        self._listener.server_close()
        if self._thread.is_alive():
            raise TimeoutError(f"{type(self).__name__} does not end")

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._listener.server_port

    def let_go(self) -> None:
        """Release what is held on purpose, because the server ends."""
