"""Whether the README tells what is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tandem import Tandem

from .test_operations import public_methods

README = (Path(__file__).resolve().parent.parent / "README.md").read_text()
# Methods that ask for nothing that the description has.
ALSO = {"request"}


def test_every_method_is_named_and_no_other() -> None:
    named = set()
    for owner, methods in re.findall(r"^\| `tandem\.(\w+)` \| (.*) \|$", README, re.MULTILINE):
        named |= {f"{owner}.{name}" for name in re.findall(r"`(\w+)`", methods)}
    [general] = re.findall(r"^\| `tandem` itself \| (.*) \|$", README, re.MULTILINE)
    named |= set(re.findall(r"`(\w+)`", general)) - ALSO
    with Tandem("http://api", "key") as tandem:
        methods = {name for name, _ in public_methods(tandem)}
    # Users, keys, tenants and the audit log are told of in one line.
    people = ("users.", "keys.", "tenants.", "audit.")
    assert named == {name for name in methods if not name.startswith(people)}
    assert all(f"`tandem.{name.rstrip('.')}`" in README for name in people)


def test_its_code_is_python_that_uses_what_is_there() -> None:
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(blocks) > 4
    with Tandem("http://api", "key") as tandem:
        for block in blocks:
            for used in called(block):
                found: object = tandem
                for name in used:
                    found = getattr(found, name)


def called(block: str) -> list[list[str]]:
    """Names what of a client is called in the code."""
    tree = compile(block, "README.md", "exec", flags=ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    calls = [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [call.split(".")[1:] for call in calls if re.fullmatch(r"tandem(\.\w+)+", call)]
