"""Submits a job and waits for its end.

source .tandem/env            # as `cargo tandem dev` wrote it
python submit_and_wait.py test.echo '{"hello": "world"}'
"""

import json
import sys

from tandem import Tandem, TandemError, ValidationFailed, WaitTimeout


def main(kind: str, payload: str) -> str:
    with Tandem.from_env() as tandem:
        try:
            # However often this has to be sent, there is one job.
            job = tandem.jobs.submit(kind=kind, payload=json.loads(payload), tags=["example"])
            ended = tandem.jobs.wait(job.id, timeout=60)
        except ValidationFailed as error:
            places = "\n".join(f"{it.pointer}: {it.message}" for it in error.errors)
            return f"the job is not valid\n{places}"
        except WaitTimeout as error:
            return f"it takes long: {error}"
        except TandemError as error:
            return str(error)
    if ended.error is not None:
        return f"it has {ended.state}: {ended.error.message}"
    print(json.dumps(ended.result))
    return ""


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]) or 0)
