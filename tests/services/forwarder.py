"""A TCP port that can die and come back while the server behind it keeps its memory.

The S3 server holds its objects and keys in memory: killing the process would lose them, which no
real store does. So clients talk to this port; `kill` cuts every connection in the middle, whatever
is on its way, and the port refuses until `start`.
"""

import select
import socket
import struct
import threading


class Forwarder:
    def __init__(self, port: int, behind: int):
        self.port = port
        self._behind = behind
        self._listener: socket.socket | None = None
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

    def start(self) -> None:
        """Listens; nothing happens when it does already."""
        if self._listener is not None:
            return
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(128)
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def kill(self) -> None:
        """Refuses from now on and resets what is open."""
        listener, self._listener = self._listener, None
        if listener is not None:
            # Closing alone does not wake a thread that waits in accept.
            try:
                listener.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            listener.close()
        with self._lock:
            for connection in self._open:
                try:
                    # Linger 0: a reset and not a polite end.
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            try:
                server = socket.create_connection(("127.0.0.1", self._behind))
            except OSError:
                return
            with server:
                with self._lock:
                    self._open |= {client, server}
                try:
                    self._pump(client, server)
                except OSError:
                    pass
                finally:
                    with self._lock:
                        self._open -= {client, server}

    @staticmethod
    def _pump(client: socket.socket, server: socket.socket) -> None:
        other = {client: server, server: client}
        reading = [client, server]
        for side in reading:
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while reading:
            for side in select.select(reading, [], [])[0]:
                data = side.recv(1 << 16)
                if data:
                    other[side].sendall(data)
                else:
                    reading.remove(side)
                    other[side].shutdown(socket.SHUT_WR)
