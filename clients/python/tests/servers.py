"""What stands between a client and the api, and does harm on purpose."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

# Nobody uses it, but to make one takes long, and each client of httpx would make its own.
TLS = ssl.create_default_context()


@dataclass(frozen=True)
class Request:
    """What a client has sent."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What it is answered."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


# What is done with a request; `None` breaks the connection off.
Step = Callable[[Request], Answer | None]


class Gateway:
    """An HTTP server that does with each request what the next of its steps says, and the last one for ever."""

    def __init__(self, *steps: Step) -> None:
        self.requests: list[Request] = []
        self._steps = list(steps)
        self._lock = threading.Lock()

    def take(self, request: Request) -> Answer | None:
        with self._lock:
            self.requests.append(request)
            step = self._steps.pop(0) if len(self._steps) > 1 else self._steps[0]
        return step(request)

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Serves on a port of its own; gives the URL."""
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                headers = {name.lower(): value for name, value in self.headers.items()}
                answer = gateway.take(Request(self.command, self.path, headers, body))
                if answer is None:
                    self.close_connection = True
                    return
                self.send_response(answer.status)
                for name, value in {**answer.headers, "Content-Length": str(len(answer.body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer.body)

            do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = handle_one  # noqa: N815

            def log_message(self, *_args: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


def says(status: int, body: bytes = b"", **headers: str) -> Step:
    """Answers in the api's place."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _request: Answer(status, body, named)


def refuses(status: int, code: str, **headers: str) -> Step:
    """Refuses as the api does."""
    problem = {"type": f"/problems/{code}", "status": status, "code": code, "title": "No", "detail": "Not now"}
    body = json.dumps({**problem, "instance": "/", "request_id": "r1"}).encode()
    return says(status, body, **{"content_type": "application/problem+json", **headers})


def forwards(url: str) -> Step:
    """Lets the api answer."""

    def step(request: Request) -> Answer:
        headers = {name: value for name, value in request.headers.items() if name not in {"host", "connection"}}
        answer = httpx.request(
            request.method, url + request.path, headers=headers, content=request.body, timeout=60, verify=TLS
        )
        kept = {n: v for n, v in answer.headers.items() if n not in {"content-length", "transfer-encoding"}}
        return Answer(answer.status_code, answer.content, kept)

    return step


def breaks_off(_request: Request) -> None:
    """Breaks the connection off. The api has heard nothing."""


def breaks_off_after(step: Step) -> Step:
    """Breaks the connection off once it is done."""

    def broken(request: Request) -> None:
        step(request)

    return broken


class Cable:
    """A TCP connection to the api that can be cut."""

    def __init__(self, url: str) -> None:
        self._to = httpx.URL(url)
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._lock = threading.Lock()
        self.sent: list[bytearray] = []
        """What clients have sent, by connection."""

    @property
    def open(self) -> int:
        """The connections that neither side has ended."""
        with self._lock:
            return sum(near.fileno() >= 0 for near, _ in self._pairs)

    @contextmanager
    def connected(self) -> Iterator[str]:
        """Accepts connections on a port of its own; gives the URL."""
        listener = socket.create_server(("127.0.0.1", 0))
        thread = threading.Thread(target=self._accept, args=(listener,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            # Closing alone does not wake who accepts.
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
            thread.join()
            self.cut()

    def cut(self) -> None:
        """Cuts all connections, in the middle of whatever is said."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for each in (end for pair in pairs for end in pair):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            far = socket.create_connection((self._to.host, self._to.port or 80))
            sent = bytearray()
            with self._lock:
                self._pairs.append((near, far))
                self.sent.append(sent)
            threading.Thread(target=_pump, args=(near, far, sent), daemon=True).start()
            threading.Thread(target=_pump, args=(far, near, bytearray()), daemon=True).start()


def _pump(source: socket.socket, target: socket.socket, seen: bytearray) -> None:
    with suppress(OSError), source:
        while data := source.recv(65536):
            seen.extend(data)
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


def json_of(request: Request) -> Any:
    return json.loads(request.body)
