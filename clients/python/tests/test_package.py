"""What is packed."""

from __future__ import annotations

import os
import tarfile
import zipfile
from email.parser import Parser
from importlib import metadata
from pathlib import Path

import tandem


def packed(pattern: str) -> Path:
    [path] = Path(os.environ["TANDEM_TEST_DIST"]).glob(pattern)
    return path


def test_the_wheel_has_the_package_its_types_and_nothing_else() -> None:
    with zipfile.ZipFile(packed("*.whl")) as wheel:
        names = set(wheel.namelist())
        [about] = [name for name in names if name.endswith("/METADATA")]
        described = Parser().parsestr(wheel.read(about).decode())
    assert {"tandem/py.typed", "tandem/models.py", "tandem/_sync/_client.py", "tandem/_async/_client.py"} <= names
    assert {name.split("/")[0] for name in names} == {"tandem", f"tandem_client-{tandem.__version__}.dist-info"}
    assert described["Requires-Python"] == ">=3.10"
    assert "# tandem-client" in str(described.get_payload())


def test_the_source_distribution_has_what_the_wheel_is_made_of() -> None:
    with tarfile.open(packed("*.tar.gz")) as source:
        names = {name.partition("/")[2] for name in source.getnames()}
    assert {"pyproject.toml", "README.md", "src/tandem/py.typed"} <= names
    assert not [name for name in names if name.startswith(("tests", "tools"))]


def test_the_tests_see_the_package_that_was_packed() -> None:
    assert "site-packages" in tandem.__file__
    assert metadata.version("tandem-client") == tandem.__version__
