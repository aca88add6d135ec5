"""JSON of brokers and exchanges: the candles, trades and quotes that are somewhere in it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import pyarrow as pa

from holdfast.data.names import Named, kind_of, time_roles
from holdfast.data.sources import Source
from holdfast.errors import DataError

MOST_DEPTH = 6


class Piece(msgspec.Struct):
    """One table of a document. ``names`` are None where rows are lists; ``about`` are the plain values beside it and above it."""

    table: pa.Table
    has_names: bool
    symbol: str | None
    about: dict[str, Any]
    above: str | None = None
    """What ``symbol``, the name under which the table stands, stands under itself."""


def pieces_of(source: Source) -> list[Piece]:
    """Every table of the document. Raises :class:`~holdfast.errors.DataError` where there is none."""
    with source.open() as stream:
        data = stream.read()
    data = data.removeprefix(b"\xef\xbb\xbf").strip()
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        data = data.decode("utf-16").encode()
    try:
        document = msgspec.json.decode(data)
    except msgspec.DecodeError as error:
        document = _lines(source, data, error)
    found = list(_pieces(document, None, {}, 0, None))
    if not found:
        raise DataError(
            f"{source.name}: no bars, trades or quotes were found in this JSON; save them as CSV, and give that"
        )
    return found


def _lines(source: Source, data: bytes, error: msgspec.DecodeError) -> Any:
    """A document a line."""
    try:
        return [msgspec.json.decode(line) for line in data.splitlines() if line.strip()]
    except msgspec.DecodeError:
        raise DataError(f"{source.name}: is no JSON ({error}); check that the file is whole") from None


def _pieces(node: Any, key: str | None, about: dict[str, Any], depth: int, above: str | None) -> Iterator[Piece]:
    if depth > MOST_DEPTH or not node:
        return
    if isinstance(node, list):
        yield from _list(node, key, about, depth, above)
    elif isinstance(node, dict):
        about = {**about, **_plain(node)}
        columnar = _columnar(node)
        keyed = None if columnar else _keyed_by_time(node)
        if columnar is not None:
            yield Piece(columnar, True, key, about, above)
        elif keyed is not None:
            yield Piece(keyed, True, key, about, above)
        else:
            for name, child in node.items():
                if isinstance(child, list | dict):
                    yield from _pieces(child, name, about, depth + 1, key)


def _plain(node: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The plain values of an object and of those right within it."""
    found = {}
    for name, value in node.items():
        if isinstance(value, str | int | float | bool):
            found[prefix + name] = value
        elif isinstance(value, dict) and not prefix:
            found.update({key: each for key, each in _plain(value, " ").items() if key.strip() not in node})
    return {name.strip(): value for name, value in found.items()}


def _list(node: list[Any], key: str | None, about: dict[str, Any], depth: int, above: str | None) -> Iterator[Piece]:
    first = node[0]
    if isinstance(first, dict):
        rows = [_flat(row) for row in node if isinstance(row, dict) and row.get("complete") is not False]
        names = list(dict.fromkeys(name for row in rows for name in row))
        if kind_of(Named(names)) is not None and time_roles(Named(names)):
            yield Piece(_table({name: [row.get(name) for row in rows] for name in names}), True, key, about, above)
            return
        for child in node:
            yield from _pieces(child, key, about, depth + 1, above)
    elif isinstance(first, list) and len(first) >= 3 and not isinstance(first[0], list | dict):
        width = max(len(row) for row in node)
        columns = {str(place + 1): [row[place] if place < len(row) else None for row in node] for place in range(width)}
        yield Piece(_table(columns), False, key, about, above)
    elif isinstance(first, list | dict):
        for child in node:
            yield from _pieces(child, key, about, depth + 1, above)


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with what is within ``mid`` and the like beside the rest."""
    flat = {}
    for name, value in row.items():
        if isinstance(value, dict):
            prefix = "" if name in ("mid", "ohlc", "price") else f"{name}_"
            flat.update({f"{prefix}{key}": each for key, each in value.items()})
        else:
            flat[name] = value
    return flat


def _columnar(node: Mapping[str, Any]) -> pa.Table | None:
    """An object of equally long lists, one a column; those of Yahoo are one object deeper."""
    lists = {name: value for name, value in node.items() if isinstance(value, list)}
    deeper = node.get("indicators")
    if isinstance(deeper, dict) and isinstance(deeper.get("quote"), list) and deeper["quote"]:
        lists.update(deeper["quote"][0])
    lengths = {len(value) for value in lists.values() if value and not isinstance(value[0], list | dict)}
    if len(lengths) != 1:
        return None
    columns = {name: value for name, value in lists.items() if len(value) in lengths}
    named = Named(list(columns))
    if kind_of(named) is None or not time_roles(named):
        return None
    return _table(columns)


def _keyed_by_time(node: Mapping[str, Any]) -> pa.Table | None:
    """An object with a row for each time."""
    rows = {key: value for key, value in node.items() if isinstance(value, dict)}
    if len(rows) != len(node):
        return None
    names = list(dict.fromkeys(name for row in rows.values() for name in row))
    if kind_of(Named(names)) is None or time_roles(Named(names)) or not all(key[:1].isdigit() for key in rows):
        return None
    return _table({"ts": list(rows), **{name: [row.get(name) for row in rows.values()] for name in names}})


def _table(columns: Mapping[str, Sequence[Any]]) -> pa.Table:
    arrays = [_array(values) for values in columns.values()]
    return pa.table(arrays, names=list(columns))


def _array(values: Sequence[Any]) -> pa.Array:
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError):  # whole numbers and others, or text among numbers
        texts = [None if value is None or isinstance(value, list | dict) else str(value) for value in values]
        return pa.array(texts, pa.string())
