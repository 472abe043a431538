"""Makes `models.py` and `params.py` from the api's description.

Answers become models of pydantic that take more than they know. What requests say becomes typed dictionaries, so that
type checkers know the arguments of each method. `--check` fails when the files are not what would be written.
"""

from __future__ import annotations

import argparse
import json
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent.parent
DESCRIPTION = HERE.parent.parent / "crates/api/openapi.json"
PACKAGE = HERE / "src/tandem"

Schema = dict[str, Any]

# What a client must not hold against an answer: a later api may be less strict.
CONSTRAINTS = {
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "propertyNames",
}
# The formats that have a type of their own in Python. The others are texts and numbers.
FORMATS = {"date-time", "uuid"}
# Answers that are read by hand: `submit_job` has two, and the errors have a module of their own.
BY_HAND = {"AnsweredJob", "StreamedEvent"}

# How the generator is called.
BOTH = shlex.split("""
    --input-file-type openapi --target-python-version 3.10 --disable-timestamp --ignore-pyproject --keep-model-order
    --use-schema-description --use-field-description --use-single-line-docstring --use-standard-primitive-types
    --output-datetime-class datetime --formatters builtin
""")
MODELS = shlex.split("""
    --base-class tandem._open.Answer --use-attribute-docstrings --use-subclass-enum --capitalise-enum-members
""")
PARAMS = shlex.split("""
    --output-model-type typing.TypedDict --enum-field-as-literal all --no-use-closed-typed-dict
""")

HEADER = '''"""{what}

Generated from the api's description by `tools/generate.py`. Don't edit.
"""'''


def refs(schema: Any) -> Iterator[str]:
    """Names the schemas that a schema refers to."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield schema["$ref"].rsplit("/", 1)[1]
        schema = list(schema.values())
    if isinstance(schema, list):
        for part in schema:
            yield from refs(part)


def closure(names: set[str], schemas: dict[str, Schema]) -> dict[str, Schema]:
    """Gives these schemas and all that they refer to."""
    found: dict[str, Schema] = {}
    todo = sorted(names)
    while todo:
        name = todo.pop()
        if name not in found:
            found[name] = schemas[name]
            todo.extend(refs(schemas[name]))
    return dict(sorted(found.items()))


def loosened(schema: Any, schemas: dict[str, Schema]) -> Any:
    """Leaves out what is for the api to check, and puts plain texts where they are only referred to."""
    if isinstance(schema, list):
        return [loosened(part, schemas) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        target = schemas[schema["$ref"].rsplit("/", 1)[1]]
        if target.get("type") == "string" and "enum" not in target:
            return loosened({**target, **{k: v for k, v in schema.items() if k != "$ref"}}, schemas)
    loose = {
        name: {key: loosened(value, schemas) for key, value in part.items()}
        if name == "properties"
        else loosened(part, schemas)
        for name, part in schema.items()
        if name not in CONSTRAINTS
        and name not in {"example", "examples", "additionalProperties"}
        and not (name == "format" and part not in FORMATS)
    }
    if isinstance(schema.get("additionalProperties"), dict):
        loose["additionalProperties"] = loosened(schema["additionalProperties"], schemas)
    options = loose.get("oneOf")
    if isinstance(options, list) and options[1:] == [{"type": "null"}]:
        # The description stands within the reference, where the generator does not look for it.
        first = dict(options[0])
        described = first.pop("description", None)
        loose = {"oneOf": [first, options[1]], **({"description": described} if described else {})}
    return loose


def answers(document: Schema) -> dict[str, Schema]:
    """Gives what the api answers, when it does what was asked."""
    names: set[str] = set()
    for operation in operations(document):
        for answer in operation["responses"].values():
            schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
            names.update(refs(schema))
    names |= set(refs([document["components"]["schemas"][name] for name in BY_HAND]))
    return closure(names - BY_HAND, document["components"]["schemas"])


def requests(document: Schema) -> dict[str, Schema]:
    """Gives the bodies and the queries of the requests."""
    names: set[str] = set()
    queries: dict[str, Schema] = {}
    for operation in operations(document):
        body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        names.update(refs(body))
        query = [it for it in operation.get("parameters", []) if it["in"] == "query"]
        if query:
            name = "".join(word.capitalize() for word in operation["operationId"].split("_")) + "Query"
            queries[name] = {
                "type": "object",
                "description": f"The query of `{operation['operationId']}`.",
                "properties": {it["name"]: described(it) for it in query},
            }
            names.update(refs(query))
    return {**closure(names, document["components"]["schemas"]), **queries}


def described(parameter: Schema) -> Schema:
    return {**parameter["schema"], "description": parameter.get("description", "")}


def operations(document: Schema) -> Iterator[Schema]:
    for path in document["paths"].values():
        yield from path.values()


def generated(schemas: dict[str, Schema], all_schemas: dict[str, Schema], options: list[str]) -> str:
    """Runs the generator on some of the description's schemas."""
    loose = {name: loosened(schema, all_schemas) for name, schema in schemas.items()}
    loose = {name: schema for name, schema in loose.items() if schema.get("type") != "string" or "enum" in schema}
    document = {"openapi": "3.1.0", "info": {"title": "", "version": ""}, "paths": {}}
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "openapi.json"), Path(folder, "out.py")
        source.write_text(json.dumps({**document, "components": {"schemas": loose}}))
        files = ["--input", str(source), "--output", str(target)]
        run([sys.executable, "-m", "datamodel_code_generator", *files, *BOTH, *options])
        return target.read_text()


def formatted(text: str) -> str:
    """Formats as the rest of the package is, and leaves out what each model would say again."""
    text = re.sub(r" +model_config = ConfigDict\(\s+use_attribute_docstrings=True,\s+\)\n", "", text)
    ruff = [sys.executable, "-m", "ruff"]
    text = run(
        [*ruff, "check", "--select", "I,UP,F401", "--fix-only", "--quiet", "-"],
        text,
    )
    return run([*ruff, "format", "--quiet", "-"], text)


def run(command: list[str], text: str | None = None) -> str:
    return subprocess.run(command, input=text, text=True, check=True, stdout=subprocess.PIPE, cwd=HERE).stdout


def files() -> dict[Path, str]:
    document = json.loads(DESCRIPTION.read_text())
    schemas = document["components"]["schemas"]
    header = HEADER.format(what="What the api answers.")
    models = generated(answers(document), schemas, [*MODELS, "--custom-file-header", header])
    models = models.replace("(str, Enum)", "(OpenEnum)").replace("import Answer", "import Answer, OpenEnum")
    header = HEADER.format(what="What requests say. Each argument of a method is described here.")
    params = generated(requests(document), schemas, [*PARAMS, "--custom-file-header", header])
    return {PACKAGE / "models.py": formatted(models), PACKAGE / "params.py": formatted(params)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, and fail when something would change")
    check = parser.parse_args().check
    stale = [(path, text) for path, text in files().items() if not path.exists() or path.read_text() != text]
    for path, text in stale:
        if check:
            print(f"{path.name} is not what the api's description says; run tools/generate.py")
        else:
            path.write_text(text)
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
