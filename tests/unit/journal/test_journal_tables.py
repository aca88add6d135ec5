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
from holdfast.journal.database import Database, open_database
from holdfast.journal.reader import AccountPosition, FillRow, OrderRow
from holdfast.journal.sqlite import SqliteDatabase
from holdfast.journal.tables import ExactDecimal, metadata

SQLITE = sa.create_engine("sqlite://").dialect


def test_migrations_make_the_tables(new_url: str) -> None:
    """The newest migration leaves exactly the tables that the program is written against."""
    database = open_database(new_url)
    if isinstance(database, SqliteDatabase):
        migrate_file(database)
    else:
        Journal.open(new_url).close()
    with database.reader().connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": schema.VERSION_TABLE})
        assert compare_metadata(context, metadata) == []


def migrate_file(database: SqliteDatabase) -> None:
    """Make an empty file, and run every migration on it."""
    sqlite3.connect(database.path).close()
    with database.writer().connect() as connection:
        schema.upgrade(connection, database)


def test_a_new_file_is_made_as_the_migrations_would(tmp_path: Path) -> None:
    """Tables, columns with their types and defaults, keys, indexes and the version are the same either way."""
    made, migrated = (open_database(f"sqlite:///{tmp_path / name}.db") for name in ("made", "migrated"))
    made.create()
    assert isinstance(migrated, SqliteDatabase)
    migrate_file(migrated)
    assert shape(made) == shape(migrated)


def shape(database: Database) -> dict[str, object]:
    """What a database holds, and its version."""
    with database.reader().connect() as connection:
        inspector = sa.inspect(connection)
        found: dict[str, object] = {
            name: (
                [{**column, "type": str(column["type"])} for column in inspector.get_columns(name)],
                inspector.get_pk_constraint(name)["constrained_columns"],
                inspector.get_indexes(name),
            )
            for name in sorted(inspector.get_table_names())
        }
        return found | {"version": schema.version(connection)}


def test_head_is_the_newest_migration() -> None:
    """`schema.HEAD` is the newest migration in the folder, and there is one line of them."""
    assert ScriptDirectory(str(schema.MIGRATIONS)).get_heads() == [schema.HEAD]


def test_rows_are_read_as_the_tables_have_them() -> None:
    """Each column of these tables is read, and none else; an order's and a fill's in the table's order, which rows are written in."""
    assert OrderRow.__struct_fields__ == tuple(metadata.tables["orders"].columns.keys())
    assert FillRow.__struct_fields__ == tuple(metadata.tables["fills"].columns.keys())
    assert set(AccountPosition.__struct_fields__) == set(metadata.tables["positions"].columns.keys())


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
