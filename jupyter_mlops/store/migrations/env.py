"""What Alembic runs migrations by: the connection, and its transaction, of whoever asks."""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
