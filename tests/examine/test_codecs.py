"""Libraries that touch untrusted bytes are loaded in examine alone."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import hashmatch

SOURCE = Path(hashmatch.__file__).resolve().parent
PROJECT = tomllib.loads((SOURCE.parents[1] / "pyproject.toml").read_text("utf-8"))
(CODECS,) = (
    set(contract["forbidden_modules"])
    for contract in PROJECT["tool"]["importlinter"]["contracts"]
    if "PIL" in contract.get("forbidden_modules", ())
)


def loaded_by_name(path: Path) -> set[str]:
    """The packages that a module loads with ``import_module`` and a literal name."""
    calls = (
        node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)
    )
    return {
        call.args[0].value.partition(".")[0]
        for call in calls
        if ast.unparse(call.func).endswith("import_module")
        and isinstance(call.args[0], ast.Constant)
    }


def test_no_other_room_loads_a_codec_by_name() -> None:
    """What import-linter cannot see: only hashing loads one, for PDQ."""
    found = {
        (path.relative_to(SOURCE).parts[0], name)
        for path in SOURCE.rglob("*.py")
        for name in loaded_by_name(path) & CODECS
    }
    assert {each for each in found if each[0] != "examine"} == {("hashing", "pdqhash")}
