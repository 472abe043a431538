"""Submits jobs and watches all of them at once.

source .tandem/env            # as `cargo tandem dev` wrote it
python async_watch.py 3
"""

import asyncio
import sys
from uuid import UUID

from tandem import AsyncTandem


async def watch(tandem: AsyncTandem, job_id: UUID) -> str:
    last = ""
    # A stream that breaks off goes on where it was.
    async for event in tandem.jobs.watch(job_id):
        print(f"{job_id} {event.number} {event.event}", flush=True)
        last = event.event
    return last


async def main(count: int) -> None:
    async with AsyncTandem.from_env() as tandem:
        jobs = await tandem.jobs.submit_batch(
            [{"kind": "test.sleep", "payload": {"ms": 100 * number}, "tags": ["example"]} for number in range(count)]
        )
        ends = await asyncio.gather(*(watch(tandem, job.id) for job in jobs))
    print(f"{ends.count('succeeded')} of {count} succeeded")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
