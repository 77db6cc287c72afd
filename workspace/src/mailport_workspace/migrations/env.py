"""What Alembic runs: the migrations, on the connection that ``mailport_workspace.database`` opened."""

from __future__ import annotations

from alembic import context

from mailport_workspace.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,  # SQLite cannot alter a table; batch mode copies it
)
with context.begin_transaction():
    context.run_migrations()
