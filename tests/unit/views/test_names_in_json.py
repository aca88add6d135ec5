"""No view has two fields that would be one in JSON: ``worth_ns`` beside ``worth`` would be lost without a word."""

import importlib
import pkgutil
from collections.abc import Iterator

import msgspec
import pytest

from holdfast import control, views, web
from holdfast.views.encode import as_json, keys_of


def views_of() -> Iterator[type[msgspec.Struct]]:
    """Every struct that is shown."""
    for package in (views, control, web):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            for found in vars(importlib.import_module(module.name)).values():
                if isinstance(found, type) and issubclass(found, msgspec.Struct) and found.__module__ == module.name:
                    yield found


def test_every_field_has_a_name_of_its_own_in_json() -> None:
    """Of all views, those that nothing has encoded so far too."""
    found = list(views_of())
    assert len(found) > 40
    for view in found:
        assert len({key for _, key, _ in keys_of(view)}) == len(view.__struct_fields__), view


def test_a_view_with_two_fields_of_one_name_is_refused() -> None:
    """At the first try to encode it."""

    class Twice(msgspec.Struct):
        worth: int
        worth_ns: int

    with pytest.raises(TypeError, match="called the same in JSON"):
        as_json(Twice(1, 2))
