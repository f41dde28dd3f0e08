"""A transaction pooler for PostgreSQL on loopback: many clients, few connections to the server.

A client has a server's connection from its first message until the server is ready outside of
any transaction; then the next client in line gets it, with whatever the session was left with.
"""

import queue
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass, field

TIMEOUT = 30.0
SSL_REQUEST, GSS_REQUEST, CANCEL_REQUEST = 80877103, 80877104, 80877102
QUERY, SYNC, TERMINATE = b"Q", b"S", b"X"
AUTHENTICATION, STATUS, READY = b"R", b"S", b"Z"
AUTHENTICATED = b"\x00\x00\x00\x00"
# Nobody can be told: these come when the client that they were for has another connection.
ASYNCHRONOUS = {b"A", b"N"}


class Stream:
    """Messages on one socket: (type, payload). Raise EOFError at the end."""

    def __init__(self, end: socket.socket) -> None:
        self.end = end
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = bytearray()

    def read(self) -> tuple[bytes, bytes]:
        kind = self._take(1)
        return kind, self.read_sized()

    def read_sized(self) -> bytes:
        """Read what has a length and no type, as a client's first message."""
        return self._take(int.from_bytes(self._take(4), "big") - 4)

    def write(self, kind: bytes, payload: bytes) -> None:
        self.end.sendall(kind + (len(payload) + 4).to_bytes(4, "big") + payload)

    def close(self) -> None:
        with suppress(OSError):
            self.end.shutdown(socket.SHUT_RDWR)
        self.end.close()

    def _take(self, size: int) -> bytes:
        while len(self._rest) < size:
            data = self.end.recv(65536)
            if not data:
                raise EOFError
            self._rest += data
        taken = bytes(self._rest[:size])
        del self._rest[:size]
        return taken


@dataclass(eq=False)
class Upstream:
    """A connection to the server, and what the server said when it was opened."""

    stream: Stream
    greeting: list[tuple[bytes, bytes]] = field(default_factory=list)
    last_client: int = 0


class Pooler:
    """Listens on `port`; a thread for each client. All clients must want the same database.

    `swaps` counts how often a connection went from one client to another, `clients` those that
    have come.
    """

    def __init__(self, server_port: int, size: int) -> None:
        self.swaps = 0
        self.clients = 0
        self._server_port = server_port
        self._size = size
        self._made = 0
        self._lock = threading.Lock()
        # First in, first out: who comes back gets another one wherever it can.
        self._idle: queue.Queue[Upstream | None] = queue.Queue()
        self._open: set[Stream] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        for _ in range(size):
            self._idle.put(None)
        threading.Thread(target=self._accept, name="pooler", daemon=True).start()

    def close(self) -> None:
        """Close every connection."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for stream in list(self._open):
            stream.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client = Stream(self._listener.accept()[0])
                self.clients += 1
                arguments = (client, self.clients)
                threading.Thread(target=self._serve, args=arguments, daemon=True).start()

    def _serve(self, client: Stream, number: int) -> None:
        self._open.add(client)
        try:
            startup = self._read_startup(client)
            if startup:
                self._greet(client, startup)
                while True:
                    kind, payload = client.read()
                    if kind == TERMINATE:
                        return
                    self._carry_transaction(client, number, startup, (kind, payload))
        except (EOFError, OSError):
            pass
        finally:
            self._open.discard(client)
            client.close()

    def _read_startup(self, client: Stream) -> bytes:
        while True:
            first = client.read_sized()
            code = int.from_bytes(first[:4], "big")
            if code in {SSL_REQUEST, GSS_REQUEST}:
                client.end.sendall(b"N")
            else:
                return b"" if code == CANCEL_REQUEST else first

    def _greet(self, client: Stream, startup: bytes) -> None:
        server = self._take(startup)
        self._idle.put(server)
        for kind, payload in server.greeting:
            client.write(kind, payload)

    def _take(self, startup: bytes) -> Upstream:
        server = self._idle.get(timeout=TIMEOUT)
        try:
            return server or self._connect(startup)
        except BaseException:
            self._idle.put(None)
            raise

    def _connect(self, startup: bytes) -> Upstream:
        end = socket.create_connection(("127.0.0.1", self._server_port), TIMEOUT)
        server = Upstream(Stream(end))
        self._open.add(server.stream)
        end.sendall((len(startup) + 4).to_bytes(4, "big") + startup)
        while not server.greeting or server.greeting[-1][0] != READY:
            server.greeting.append(server.stream.read())
        assert server.greeting[0] == (AUTHENTICATION, AUTHENTICATED), "The server wants a password."
        return server

    def _carry_transaction(
        self, client: Stream, number: int, startup: bytes, message: tuple[bytes, bytes]
    ) -> None:
        """Lend a connection to a client until it is outside of any transaction."""
        server = self._take(startup)
        is_clean = False
        try:
            with self._lock:
                self.swaps += server.last_client not in {0, number}
                server.last_client = number
            while True:
                server.stream.write(*message)
                if message[0] in {QUERY, SYNC} and self._carry_answer(client, server) == b"I":
                    is_clean = True
                    return
                message = client.read()
                if message[0] == TERMINATE:
                    raise EOFError
        finally:
            if not is_clean:
                # In the middle of a transaction: the server rolls it back with the connection.
                self._open.discard(server.stream)
                server.stream.close()
            self._idle.put(server if is_clean else None)

    def _carry_answer(self, client: Stream, server: Upstream) -> bytes:
        """Carry what the server says until it is ready again; return its transaction status."""
        while True:
            kind, payload = server.stream.read()
            if kind not in ASYNCHRONOUS:
                client.write(kind, payload)
            if kind == READY:
                return payload
