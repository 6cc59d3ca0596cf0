"""Look whether a contender did the job, so that none is quick by doing less.

    check.py IN OUT COLUMNS KEY

Every other column must be the same. Of the sensitive ones, every null must be one, every 500th cell
must open to the value it was made of, and no nonce may be there twice among these. Without columns, it
must be a copy.
"""

import sys

import pyarrow.parquet as pq
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

STEP = 500


def check_cells(name, values, cells, open_cell):
    """Compare a sample, and return its nonces."""
    assert values.is_null().equals(cells.is_null()), f"nulls of {name}"
    sample = zip(values[::STEP].to_pylist(), cells[::STEP].to_pylist(), strict=True)
    sample = [(value, cell) for value, cell in sample if value is not None]
    for value, cell in sample:
        assert open_cell(cell[:12], cell[12:], None) == value.encode(), f"a cell of {name}"
    return [cell[:12] for _, cell in sample]


def check(source, destination, columns, key):
    before = pq.read_table(source)
    after = pq.read_table(destination).sort_by("id")
    assert len(before) == len(after), "rows"
    assert before.column_names == after.column_names, "columns"
    nonces, open_cell = [], AESGCM(key).decrypt
    for name in before.column_names:
        if name in columns:
            nonces += check_cells(name, before[name], after[name], open_cell)
        else:
            same = before[name].equals(after[name].cast(before[name].type))
            assert same, f"{name} is another"
    assert len(set(nonces)) == len(nonces), "a nonce is there twice"


def main():
    source, destination, columns, key = sys.argv[1:]
    check(source, destination, columns.split(","), bytes.fromhex(key))


main()
