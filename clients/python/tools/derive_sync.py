"""Makes `_sync`, the client without an event loop, from `_async`, which is written by hand.

The two differ only in words, so what the client does is written once. `--check` fails when `_sync` is not what would be
written.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
SOURCE = HERE / "src/tandem/_async"
TARGET = HERE / "src/tandem/_sync"

# Each is tried on each line, in this order.
WORDS = [
    (r"AsyncGenerator\[(.+?), None\]", r"Generator[\1, None, None]"),
    (r"\bAsync(?=[A-Z])", ""),
    (r"\basync (?=def |with |for )", ""),
    (r"\bawait ", ""),
    (r"\basynccontextmanager\b", "contextmanager"),
    (r"\banyio\b", "time"),
    (r"\b__a(enter|exit|iter)__\b", r"__\1__"),
    (r"\ba(close|closing|read|iter_sse)\b", r"\1"),
    (r"  # noqa: ASYNC\d+", ""),
]

INIT = '''"""The client for programs without an event loop.

Made from `_async` by `tools/derive_sync.py`: change it there.
"""
'''
HEADER = "# Made from `_async/{name}` by `tools/derive_sync.py`: change it there.\n"


def derived(path: Path) -> str:
    """Gives a module of the other kind."""
    if path.name == "__init__.py":
        return INIT
    lines = []
    for source_line in path.read_text().splitlines(keepends=True):
        line = source_line
        for pattern, replacement in WORDS:
            line = re.sub(pattern, replacement, line)
        lines.append(line)
    ruff = [sys.executable, "-m", "ruff"]
    sorted_text = run([*ruff, "check", "--select", "I", "--fix-only", "--quiet", "-"], "".join(lines))
    return HEADER.format(name=path.name) + run([*ruff, "format", "--quiet", "-"], sorted_text)


def run(command: list[str], text: str) -> str:
    return subprocess.run(command, input=text, text=True, check=True, stdout=subprocess.PIPE, cwd=HERE).stdout


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, and fail when something would change")
    check = parser.parse_args().check
    wanted = {TARGET / path.name: derived(path) for path in sorted(SOURCE.glob("*.py"))}
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    left = [path for path in TARGET.glob("*.py") if path not in wanted]
    for path in stale + left:
        if check:
            print(f"_sync/{path.name} is not what _async says; run tools/derive_sync.py")
        elif path in wanted:
            path.write_text(wanted[path])
        else:
            path.unlink()
    return 1 if check and stale + left else 0


if __name__ == "__main__":
    sys.exit(main())
