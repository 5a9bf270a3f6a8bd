"""The migrations from each version of the tables to the next, run by alembic when `schema` finds an old version.

A new version is a file in `versions`, and its name at the end of `schema.SCHEMA`.
"""
