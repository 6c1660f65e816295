"""Reads a file of newline-delimited JSON into a table of a new DuckDB database with `read_json`.

Prints the seconds from opening the database to having it closed, and the rows of the table. Ends with
77 where DuckDB is not installed.
"""

import sys
import time

try:
    import duckdb
except ImportError:
    sys.exit(77)

source, database = sys.argv[1:]
started = time.perf_counter()
connection = duckdb.connect(database)
connection.execute(
    "CREATE TABLE events AS SELECT * FROM read_json(?, format = 'newline_delimited')", [source]
)
connection.execute("CHECKPOINT")
rows = connection.execute("SELECT count(*) FROM events").fetchone()[0]
connection.close()
print(time.perf_counter() - started, rows, duckdb.__version__)
