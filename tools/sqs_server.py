"""Runs ministack until the standard input ends.

Whoever starts this holds the other end of the input, which the system closes even when that process is
killed. So a test run that dies in whatever way leaves no server behind.

With `ANSWER_ONCE`, what a client of AWS sends again for want of an answer is answered as the first time and not done
again, see `Emulator::start_for_terraform`.
"""

import asyncio
import contextlib
import os
import signal
import sys
import threading

from hypercorn.config import Config
from ministack import app as ministack

GRACE_SECS = 3
# Longer than any client keeps an idle connection: the AWS SDKs do so for 90 s.
KEEP_ALIVE_SECS = 120
ANSWER_ONCE = "ANSWER_ONCE" in os.environ


def stop_with_the_parent():
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)
    # Long polls of clients that died as well would hold up an orderly end.
    threading.Event().wait(GRACE_SECS)
    os._exit(0)


def once(answer_request):
    answers = {}

    async def answer_once(scope, receive, send):
        call = dict(scope.get("headers") or ()).get(b"amz-sdk-invocation-id")
        if call is None:
            await answer_request(scope, receive, send)
            return
        if call in answers and (events := await asyncio.shield(answers[call])):
            for event in events:
                await send(event)
            return
        answered = answers[call] = asyncio.get_running_loop().create_future()
        events = []

        async def keep(event):
            events.append(event)
            # Whoever asked may have hung up.
            with contextlib.suppress(OSError):
                await send(event)

        try:
            await answer_request(scope, receive, keep)
        finally:
            stands = bool(events) and events[0].get("status", 500) < 500
            if not stands:
                del answers[call]
            answered.set_result(events if stands else None)

    return answer_once


# Left to itself, ministack closes connections that were idle for 75 s. What arrives on one at that very moment is
# done, and whoever sent it gets no answer and sends it again.
Config.keep_alive_timeout = property(lambda _: KEEP_ALIVE_SECS, lambda _, asked: None)
if ANSWER_ONCE:
    ministack.app = once(ministack.app)

threading.Thread(target=stop_with_the_parent, daemon=True).start()
ministack.main()
