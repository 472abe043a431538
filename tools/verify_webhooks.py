"""Verifies requests with the official library of Standard Webhooks, as a receiver in Python does.

Reads lines of JSON with `secret`, `headers` and `body`, and answers each with `valid` or with what is wrong.
"""

import json
import sys

from standardwebhooks.webhooks import Webhook

for line in sys.stdin:
    request = json.loads(line)
    try:
        Webhook(request["secret"]).verify(request["body"], request["headers"])
        print("valid")
    except Exception as error:
        print(f"{type(error).__name__}: {error}")
