"""An empty database beside the one that is filled: what is measured in both in turn shares the machine's moods, and a
claim may take half as long again from one minute to the next."""

import contextlib

from machine import sql

EMPTY, FILLED = "kinora_empty", "kinora_filled"


def server(statement):
    return sql(statement, database="postgres")


def rename(name, other):
    server(f"ALTER DATABASE {name} RENAME TO {other}")


@contextlib.contextmanager
def empty_twin():
    """Makes a copy of the database as it is now: `in_empty_twin` uses it."""
    for name in (EMPTY, FILLED):
        server(f"DROP DATABASE IF EXISTS {name}")
    server(f"CREATE DATABASE {EMPTY} TEMPLATE kinora OWNER kinora")
    try:
        yield
    finally:
        server(f"DROP DATABASE {EMPTY}")


@contextlib.contextmanager
def in_empty_twin():
    """The copy is what everybody finds under the database's name."""
    rename("kinora", FILLED)
    rename(EMPTY, "kinora")
    try:
        yield
    finally:
        rename("kinora", EMPTY)
        rename(FILLED, "kinora")
