"""Alembic's entry point: runs the migrations on the given connection, in its transaction."""

from alembic import context

from stretto.actors.journal.sql.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
