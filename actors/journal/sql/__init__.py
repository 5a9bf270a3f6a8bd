"""The SQL store: SQLite and PostgreSQL behind the protocols of `journal.store`."""
