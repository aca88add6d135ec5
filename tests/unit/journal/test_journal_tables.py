"""Tables and migrations say the same thing, and keep numbers exact."""

import sqlite3
from decimal import Decimal
from pathlib import Path

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from hypothesis import given
from hypothesis import strategies as st

from holdfast.journal import Journal, schema
from holdfast.journal.database import open_database
from holdfast.journal.tables import ExactDecimal, metadata

SQLITE = sa.create_engine("sqlite://").dialect


def test_migrations_make_the_tables(url: str) -> None:
    """The newest migration leaves exactly the tables that the program is written against."""
    Journal.open(url).close()
    with open_database(url).reader().connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": schema.VERSION_TABLE})
        assert compare_metadata(context, metadata) == []


def test_head_is_the_newest_migration() -> None:
    """`schema.HEAD` is the newest migration in the folder, and there is one line of them."""
    assert ScriptDirectory(str(schema.MIGRATIONS)).get_heads() == [schema.HEAD]


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_decimals_come_back_as_they_went(number: Decimal) -> None:
    """Any finite decimal comes back from its stored text with the same digits and exponent."""
    column = ExactDecimal()
    stored = column.process_bind_param(number, SQLITE)
    assert isinstance(stored, str)
    back = column.process_result_value(stored, SQLITE)
    assert back is not None
    assert back.as_tuple() == number.as_tuple()


def test_no_number_is_a_float(written: None, path: Path) -> None:
    """No value in any table of a used journal is kept as a floating-point number."""
    connection = sqlite3.connect(path)
    for table in metadata.sorted_tables:
        for name in table.columns.keys():  # noqa: SIM118 - not a dict
            found = connection.execute(
                f'SELECT count(*) FROM {table.name} WHERE typeof("{name}") = ?', ("real",)
            ).fetchone()
            assert found == (0,), f"{table.name}.{name}"
    connection.close()


def test_no_column_is_a_float(url: str) -> None:
    """On every database each column holds whole numbers, text or bytes."""
    Journal.open(url).close()
    with open_database(url).reader().connect() as connection:
        inspector = sa.inspect(connection)
        kinds = {column["type"].python_type for table in metadata.tables for column in inspector.get_columns(table)}
    assert kinds <= {int, str, bytes}
