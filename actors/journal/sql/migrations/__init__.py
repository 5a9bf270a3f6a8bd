"""The ways from each version of the tables to the next, run by alembic; `schema` knows when.

A new version is a file in `versions`, and its name at the end of `schema.SCHEMA`.
"""
