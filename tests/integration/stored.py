"""What the daemon's database holds, read beside the running daemon, or changed between two."""

import contextlib
import os
import sqlite3


def read_store(folder):
    """(events by id, snapshots by name, deliveries by id), as the database has them now."""
    path = os.path.join(folder, "state.db")
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        db.row_factory = sqlite3.Row
        db.execute("BEGIN")
        found = {row["id"]: row for row in db.execute("SELECT * FROM event ORDER BY number")}
        snapshots = {row["name"]: row for row in db.execute("SELECT * FROM job")}
        deliveries = {row["id"]: row for row in db.execute(
            "SELECT event.id, delivery.* FROM delivery JOIN event ON event.number = event")}
        return found, snapshots, deliveries


def read_deliveries(folder):
    """All deliveries, as rows with the event's id; for more than one notifier."""
    path = os.path.join(folder, "state.db")
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        db.row_factory = sqlite3.Row
        return db.execute("SELECT event.id, delivery.* FROM delivery"
                          " JOIN event ON event.number = event").fetchall()


def query(folder, sql, *values):
    """The rows of a question to the database; or a change, of a daemon that does not run."""
    path = os.path.join(folder, "state.db")
    with contextlib.closing(sqlite3.connect(path, timeout=10)) as db:
        found = db.execute(sql, values).fetchall()
        db.commit()
        return found
