"""Runs ministack until the standard input ends.

Whoever starts this holds the other end of the input, which the system closes even when that process is
killed. So a test run that dies in whatever way leaves no server behind.

`ANSWER_DELAY_MS` holds back each answer for that long, see `Emulator::start_for_terraform`.
"""

import asyncio
import os
import signal
import sys
import threading

from hypercorn.config import Config
from ministack import app as ministack

GRACE_SECS = 3
# Longer than any client keeps an idle connection: the AWS SDKs do so for 90 s.
KEEP_ALIVE_SECS = 120
ANSWER_DELAY_SECS = int(os.environ.get("ANSWER_DELAY_MS", "0")) / 1000


def stop_with_the_parent():
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)
    # Long polls of clients that died as well would hold up an orderly end.
    threading.Event().wait(GRACE_SECS)
    os._exit(0)


def held_back(answer_request):
    async def answer_later(scope, receive, send):
        async def send_later(event):
            if event["type"] == "http.response.start":
                await asyncio.sleep(ANSWER_DELAY_SECS)
            await send(event)

        await answer_request(scope, receive, send_later)

    return answer_later


# Left to itself, ministack closes connections that were idle for 75 s. What arrives on one at that very moment is
# done, and whoever sent it gets no answer and sends it again.
Config.keep_alive_timeout = property(lambda _: KEEP_ALIVE_SECS, lambda _, asked: None)
if ANSWER_DELAY_SECS > 0:
    ministack.app = held_back(ministack.app)

threading.Thread(target=stop_with_the_parent, daemon=True).start()
ministack.main()
