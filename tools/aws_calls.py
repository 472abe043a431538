"""Calls AWS, or what answers at AWS_ENDPOINT_URL in its place.

Each line of the input is a call as JSON, [service, operation, parameters], with names as botocore has them. For each there
is a line with the answer: {"ok": answer} or {"error": what went wrong}.
"""

import json
import sys

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

ONCE = Config(retries={"total_max_attempts": 1}, parameter_validation=True)


def answer(session, clients, service, operation, parameters):
    if service not in clients:
        clients[service] = session.create_client(service, config=ONCE)
    client = clients[service]
    try:
        if client.can_paginate(operation):
            result = client.get_paginator(operation).paginate(**parameters).build_full_result()
        else:
            result = getattr(client, operation)(**parameters)
    except (BotoCoreError, ClientError) as error:
        return {"error": str(error)}
    return {"ok": {name: value for name, value in result.items() if name != "ResponseMetadata"}}


def main():
    session = botocore.session.Session()
    clients = {}
    for line in sys.stdin:
        print(json.dumps(answer(session, clients, *json.loads(line)), default=str), flush=True)


main()
