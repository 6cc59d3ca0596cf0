"""Reads Parquet files with pyarrow, DuckDB and the cryptography library.

Takes jobs as JSON lines: {"old", "new", "opened": paths, "changed": column paths, "key": hex}.
Answers each with a line: {"error": null or what is different}.
"""

import json
import sys

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def same(a, b):
    # NaN differs from itself, but its text does not.
    return a.type == b.type and (a.equals(b) or repr(a.to_pylist()) == repr(b.to_pylist()))


def compare(job):
    try:
        old = pq.read_table(job["old"])
    except (OSError, pa.ArrowException) as error:
        return f"skipped: pyarrow cannot read the original: {str(error)[:80]}"
    new, opened = pq.read_table(job["new"]), pq.read_table(job["opened"])
    changed = {path.split(".")[0] for path in job["changed"]}
    for name in old.column_names:
        if not same(old.column(name), opened.column(name)):
            return f"{name} is another one after it was opened"
        if name not in changed and not same(old.column(name), new.column(name)):
            return f"{name} is not protected, and another one"
        if name in job["changed"] and not pa.types.is_nested(old.column(name).type):
            error = cells(old.column(name), new.column(name), bytes.fromhex(job["key"]))
            if error:
                return f"{name} {error}"
    return duck(job, new)


def cells(old, new, key):
    """Opens the cells of a top-level column."""
    if not pa.types.is_binary(new.type):
        return f"is {new.type}, not binary"
    if not old.is_null().equals(new.is_null()):
        return "has a null elsewhere"
    cipher = AESGCM(key)
    texts = [cell and cipher.decrypt(cell[:12], cell[12:], None) for cell in new.to_pylist()]
    if pa.types.is_string(old.type) or pa.types.is_integer(old.type):
        if texts != [None if value is None else str(value).encode() for value in old.to_pylist()]:
            return "has another value in a cell"
    return None


def duck(job, new):
    """DuckDB reads the same cells."""
    names = [name for name in job["changed"] if name in new.column_names]
    if not names or not job.get("duckdb"):
        return None
    columns = ", ".join(f'"{name}"' for name in names)
    rows = duckdb.execute(f"select {columns} from read_parquet(?)", [job["new"]]).fetchall()
    expected = list(zip(*(new.column(name).to_pylist() for name in names)))
    return None if rows == expected else "DuckDB reads other cells"


for line in sys.stdin:
    print(json.dumps({"error": compare(json.loads(line))}), flush=True)
