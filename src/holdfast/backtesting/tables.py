"""What a backtest has kept, as Arrow tables: compact in memory, Parquet on disk, frames where people look.

Times are UTC nanoseconds. Numbers are 64-bit floats: the exact sums are the account's (`results.py`).
"""

from collections.abc import Iterator, Mapping
from itertools import chain, islice
from typing import Any

import pyarrow as pa

from holdfast.backtesting.recorder import Recorder
from holdfast.backtesting.results import FillEntry, OrderEntry, PositionEntry, RefusalEntry
from holdfast.backtesting.trips import TripEntry

ROWS = 16_384
"""Rows that are taken from the disk at a time."""
TIME = pa.timestamp("ns", "UTC")
NUMBER = pa.float64()
TEXT = pa.string()
WORD = pa.dictionary(pa.int32(), pa.string())
"""Text of which there are few."""

SCHEMAS: Mapping[str, pa.Schema] = {
    "equity": pa.schema([("time", TIME), ("equity", NUMBER), ("exposure", NUMBER)]),
    "orders": pa.schema(
        [
            ("time", TIME),
            ("client_order_id", TEXT),
            ("strategy", WORD),
            ("symbol", WORD),
            ("side", WORD),
            ("quantity", NUMBER),
            ("filled_quantity", NUMBER),
            ("state", WORD),
            ("order_type", WORD),
            ("time_in_force", WORD),
            ("limit_price", NUMBER),
            ("stop_price", NUMBER),
            ("average_fill_price", NUMBER),
            ("fees", NUMBER),
            ("role", WORD),
            ("ended", TIME),
            ("reason", WORD),
            ("parent", TEXT),
            ("intent_id", TEXT),
            ("tag", WORD),
        ]
    ),
    "fills": pa.schema(
        [
            ("time", TIME),
            ("client_order_id", TEXT),
            ("strategy", WORD),
            ("symbol", WORD),
            ("side", WORD),
            ("quantity", NUMBER),
            ("price", NUMBER),
            ("fees", NUMBER),
        ]
    ),
    "trades": pa.schema(
        [
            ("strategy", WORD),
            ("symbol", WORD),
            ("side", WORD),
            ("quantity", NUMBER),
            ("entry_time", TIME),
            ("entry_price", NUMBER),
            ("exit_time", TIME),
            ("exit_price", NUMBER),
            ("profit", NUMBER),
            ("fees", NUMBER),
            ("worst", NUMBER),
            ("best", NUMBER),
            ("risk", NUMBER),
            ("bars", pa.int64()),
            ("exit_role", WORD),
            ("tag", WORD),
        ]
    ),
    "positions": pa.schema(
        [
            ("time", TIME),
            ("strategy", WORD),
            ("symbol", WORD),
            ("quantity", NUMBER),
            ("average_price", NUMBER),
            ("realised", NUMBER),
            ("fees", NUMBER),
        ]
    ),
    "refusals": pa.schema(
        [
            ("time", TIME),
            ("strategy", WORD),
            ("symbol", WORD),
            ("side", WORD),
            ("quantity", NUMBER),
            ("rule", WORD),
            ("figure", TEXT),
            ("limit", TEXT),
            ("text", TEXT),
        ]
    ),
    "indicators": pa.schema(
        [
            ("time", TIME),
            ("strategy", WORD),
            ("symbol", WORD),
            ("indicator", WORD),
            ("output", WORD),
            ("panel", WORD),
            ("value", NUMBER),
        ]
    ),
}

PRICES = pa.schema(
    [("symbol", WORD), ("time", TIME), *((name, NUMBER) for name in ("open", "high", "low", "close", "volume"))]
)

Row = tuple[Any, ...]


def tables_of(recorder: Recorder) -> dict[str, pa.Table]:
    """Every table of one account's run. Raises :class:`~holdfast.errors.DataError` for rows that aren't as they were written."""
    trips = (_trip(row) for row in chain(recorder.trips.rows(), recorder.open_trips))  # never all of them at once
    return {
        "equity": _equity(recorder),
        "orders": _table("orders", (_order(row) for row in recorder.orders.rows())),
        "fills": _table("fills", (_fill(row) for row in recorder.fills.rows())),
        "trades": _table("trades", trips),
        "positions": _table("positions", (_position(row) for row in recorder.positions.rows())),
        "refusals": _table("refusals", (_refusal(row) for row in recorder.refusals.rows())),
        "indicators": _indicators(recorder),
    }


def _equity(recorder: Recorder) -> pa.Table:
    marks = recorder.worth.marks
    columns = [pa.array(marks.time_ns, pa.int64()).cast(TIME), pa.array(marks.equity), pa.array(marks.exposure)]
    return pa.table(columns, schema=SCHEMAS["equity"])


def _indicators(recorder: Recorder) -> pa.Table:
    schema = SCHEMAS["indicators"]
    parts = [schema.empty_table()]
    for key, times, values in recorder.samples.columns():
        words = [pa.DictionaryArray.from_arrays(pa.array([0] * len(times), pa.int32()), [word]) for word in key]
        parts.append(pa.table([pa.array(times, pa.int64()).cast(TIME), *words, pa.array(values)], schema=schema))
    return pa.concat_tables(parts).unify_dictionaries().combine_chunks()


def _table(name: str, rows: Iterator[Row]) -> pa.Table:
    """In blocks, so that no more than one of them is ever there as objects."""
    schema = SCHEMAS[name]
    batches = []
    while block := list(islice(rows, ROWS)):
        columns = zip(*block, strict=True)
        arrays = [_array(column, field.type) for column, field in zip(columns, schema, strict=True)]
        batches.append(pa.record_batch(arrays, schema=schema))
    return pa.Table.from_batches(batches, schema).unify_dictionaries().combine_chunks()


def _array(column: Row, kind: pa.DataType) -> pa.Array:
    if kind == WORD:
        return pa.array(column, TEXT).dictionary_encode()
    if kind == TIME:
        return pa.array(column, pa.int64()).cast(TIME)
    return pa.array(column, kind)


def _order(row: OrderEntry) -> Row:
    order, terms = row.order, row.order.terms
    filled = order.filled_quantity
    return (
        order.created_ns,
        terms.client_order_id,
        terms.strategy,
        terms.symbol,
        terms.side.value,
        float(order.quantity),
        float(filled),
        order.state.value,
        terms.order_type.value,
        terms.time_in_force.value,
        _number(terms.limit_price),
        _number(terms.stop_price),
        float(order.filled_notional / filled) if filled else None,
        float(order.fees),
        terms.role.value,
        row.time_ns,
        order.reason,
        terms.parent,
        terms.intent_id,
        terms.tag,
    )


def _fill(row: FillEntry) -> Row:
    fill = row.fill
    return (
        row.time_ns,
        fill.client_order_id,
        row.strategy,
        fill.symbol,
        fill.side.value,
        float(fill.quantity),
        float(fill.price),
        float(fill.fee),
    )


def _trip(row: TripEntry) -> Row:
    return (
        row.strategy,
        row.symbol,
        row.side,
        float(row.quantity),
        row.entry_ns,
        row.entry_price,
        row.exit_ns or None,
        row.exit_price,
        float(row.profit),
        float(row.fees),
        row.worst,
        row.best,
        row.risk,
        row.bars,
        row.exit_role,
        row.tag,
    )


def _position(row: PositionEntry) -> Row:
    numbers = (row.quantity, row.average_price, row.realised, row.fees)
    return row.time_ns, row.strategy, row.symbol, *map(float, numbers)


def _refusal(row: RefusalEntry) -> Row:
    quantity = _number(row.quantity)
    return row.time_ns, row.strategy, row.symbol, row.side, quantity, row.rule, row.figure, row.limit, row.text


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
