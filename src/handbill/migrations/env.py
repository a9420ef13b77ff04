"""Alembic's entry: migrates over the connection that `state.open_state` hands in."""

from alembic import context

from handbill.state import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
