"""Runs the revisions on the connection that was handed over, in its transaction."""

from alembic import context

from isletqc.ledger.schema import VERSION_TABLE

context.configure(connection=context.config.attributes["connection"], version_table=VERSION_TABLE)
context.run_migrations()
