"""Runs ministack until the standard input ends.

Whoever starts this holds the other end of the input, which the system closes even when that process is
killed. So a test run that dies in whatever way leaves no server behind.
"""

import os
import signal
import sys
import threading

from ministack.app import main

GRACE_SECS = 3


def stop_with_the_parent():
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)
    # Long polls of clients that died as well would hold up an orderly end.
    threading.Event().wait(GRACE_SECS)
    os._exit(0)


threading.Thread(target=stop_with_the_parent, daemon=True).start()
main()
