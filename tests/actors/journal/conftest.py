"""Fixtures of the store's tests."""

from databases import durable_url, empty_postgres_url, postgres_server, postgres_template, postgres_url
from recording import stored_definitions
from stores import keyless, store, store_url

__all__ = [
    "durable_url",
    "empty_postgres_url",
    "keyless",
    "postgres_server",
    "postgres_template",
    "postgres_url",
    "store",
    "store_url",
    "stored_definitions",
]
