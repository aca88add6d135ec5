"""What is compiled: modules that there are, and that mypyc takes."""

import ast

import pytest

from tools.fast import MODULES, ROOT


@pytest.mark.parametrize("module", MODULES)
def test_a_compiled_module_defines_no_struct(module: str) -> None:
    """It is there, and has no class that is made of another's metaclass: mypyc would drop what its keywords say, without a word."""
    tree = ast.parse((ROOT / "src" / "holdfast" / f"{module}.py").read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            bases = {ast.unparse(base) for base in node.bases}
            assert not node.keywords, node.name
            assert not bases & {"msgspec.Struct", "Struct", "Body", "Ranged"}, node.name


def test_no_module_is_compiled_twice() -> None:
    """Each is named once."""
    assert len(set(MODULES)) == len(MODULES)
