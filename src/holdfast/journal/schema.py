"""The schema's version, and bringing a journal up to it by the migrations that ship in this package."""

import threading
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlalchemy as sa

    from holdfast.journal.database import Database
    from holdfast.journal.readonly import ReadOnly

HEAD = "0003"
"""The newest migration (a test compares it with the folder)."""

VERSION_TABLE = "holdfast_schema"
_ONE_AT_A_TIME = threading.Lock()  # Alembic keeps what it is doing in module variables
MIGRATIONS = Path(__file__).parent / "migrations"


class SchemaError(Exception):
    """The tables are not those of a journal that this program knows."""


def version(connection: "sa.Connection") -> str:
    """The journal's schema version. Raises `SchemaError` when the tables aren't a journal's, or newer than this program."""
    import sqlalchemy as sa

    def stored() -> object:
        column = sa.column("version_num", sa.String)
        return connection.execute(sa.select(column).select_from(sa.table(VERSION_TABLE))).scalar()

    return _judged(sa.inspect(connection).get_table_names(), stored)


def _judged(names: Sequence[str], stored: Callable[[], object]) -> str:
    """The version, by the tables that there are and the version that is ``stored`` in one of them."""
    if not names:
        raise SchemaError("it is empty; restore a backup, or delete it to start a new journal")
    if VERSION_TABLE not in names:
        raise SchemaError("it is a database of another program; name another place")
    found = stored()
    if found is None:
        raise SchemaError("it is half made; start the engine to finish it")
    if str(found) > HEAD:
        raise SchemaError(f"its schema {found} is newer than this program's ({HEAD}); use the newer Holdfast")
    return str(found)


def is_made(connection: "sa.Connection") -> bool:
    """Whether a journal's tables are there, up to the version that is written last."""
    import sqlalchemy as sa

    if VERSION_TABLE not in sa.inspect(connection).get_table_names():
        return False
    return connection.execute(sa.select(sa.func.count()).select_from(sa.table(VERSION_TABLE))).scalar() == 1


def require_head(connection: "sa.Connection") -> None:
    """Raise `SchemaError` unless the schema is the one this program was written for."""
    _require(version(connection))


def require_head_to_read(connection: "ReadOnly") -> None:
    """The same, of a journal that is only read."""

    def stored() -> object:
        rows = connection.fetch(f"SELECT version_num FROM {VERSION_TABLE}")
        return rows[0][0] if rows else None

    _require(_judged(connection.tables(), stored))


def _require(found: str) -> None:
    if found < HEAD:
        raise SchemaError(
            f"its schema {found} is older than this program's ({HEAD}); start the engine once to bring it up"
        )


def bring_up(connection: "sa.Connection", found: str, database: "Database") -> None:
    """Run the migrations that are missing from version ``found``, and see that the journal can be written to."""
    if found < HEAD:
        upgrade(connection, database)
    with connection.begin():
        require_head(connection)


def make(connection: "sa.Connection") -> None:
    """Make the tables in an empty SQLite file, all of them or none, as the newest migration leaves them (a test compares the two).

    Running the migrations does the same, and loads Alembic, which takes longer than the rest of a first start.
    """
    with connection.begin():
        for statement in _sqlite_statements():
            connection.exec_driver_sql(statement)
        connection.exec_driver_sql(f"INSERT INTO {VERSION_TABLE} (version_num) VALUES (?)", (HEAD,))


@cache
def _sqlite_statements() -> tuple[str, ...]:
    """What makes the tables and their indexes, in SQLite's words: a process that makes many journals asks for them once."""
    import sqlalchemy as sa
    from sqlalchemy.dialects import sqlite
    from sqlalchemy.schema import CreateIndex, CreateTable

    from holdfast.journal.tables import metadata

    number = sa.Column("version_num", sa.String(32), nullable=False)
    version_table = sa.Table(
        VERSION_TABLE, sa.MetaData(), number, sa.PrimaryKeyConstraint("version_num", name=f"{VERSION_TABLE}_pkc")
    )
    tables = [*metadata.sorted_tables, version_table]
    indexes = [index for table in tables for index in sorted(table.indexes, key=lambda index: str(index.name))]
    made: list[CreateTable | CreateIndex] = [*map(CreateTable, tables), *map(CreateIndex, indexes)]
    dialect = sqlite.dialect()
    return tuple(str(statement.compile(dialect=dialect)) for statement in made)


def upgrade(connection: "sa.Connection", database: "Database") -> None:
    """Run every missing migration in one transaction: all of them or none."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    with _ONE_AT_A_TIME, database.migrating(connection), connection.begin():
        command.upgrade(config, "head")
