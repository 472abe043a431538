"""Receives what jobs of kind `http.request` send, and believes only what the platform has signed.

    WEBHOOK_SECRETS=whsec_… python receive_webhook.py

With the old and the new secret, separated by a comma, it receives throughout a rotation. Give the URL that it prints to
a job: `tandem.jobs.submit(kind="http.request", payload={"url": …})`.
"""

import os
from http.server import BaseHTTPRequestHandler, HTTPServer

from tandem.webhooks import VerificationFailed, Verifier

verifier = Verifier(os.environ["WEBHOOK_SECRETS"].split(","))
# A real receiver keeps these for a day, in its database and with what it does.
seen: set[str] = set()


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        # Byte for byte as it came: whoever parses it first verifies something else.
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        try:
            delivery = verifier.verify(body, self.headers)
        except VerificationFailed as error:
            self.send_error(400, str(error))
            return
        # The id is the same on every attempt of a job.
        if delivery.id not in seen:
            seen.add(delivery.id)
            print(f"{delivery.id} {body.decode()}", flush=True)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        """What was received is printed already."""


if __name__ == "__main__":
    server = HTTPServer(("127.0.0.1", int(os.environ.get("PORT", "0"))), Receiver)
    print(f"http://127.0.0.1:{server.server_port}/", flush=True)
    server.serve_forever()
