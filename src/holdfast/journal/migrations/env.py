"""Runs the migrations on the connection, and inside the transaction, that `schema.upgrade` hands over."""

from alembic import context

from holdfast.journal.schema import VERSION_TABLE
from holdfast.journal.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    transactional_ddl=True,
)
context.run_migrations()
