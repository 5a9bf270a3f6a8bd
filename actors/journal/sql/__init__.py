"""The SQL store: SQLite and PostgreSQL behind the protocol of `journal.store`."""
