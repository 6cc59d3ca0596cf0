"""Writes a Parquet file with types that only its Arrow schema knows, to the path given."""

import sys
import uuid

import pyarrow as pa
import pyarrow.parquet as pq

rows = range(600)
table = pa.table(
    {
        "id": pa.array(rows, pa.int32()),
        "zoned": pa.array([1_700_000_000_000_000 + row for row in rows], pa.timestamp("us", "Europe/Berlin")),
        "zoned_too": pa.array([1_700_000_000_000_000 + row for row in rows], pa.timestamp("us", "Asia/Tokyo")),
        "lasting": pa.array(rows, pa.duration("ms")),
        "coded": pa.array(["x", "y", None] * 200).dictionary_encode(),
        "coded_too": pa.array(["x", "y", None] * 200).dictionary_encode(),
        "large": pa.array([f"value {row}" for row in rows], pa.large_string()),
        "token": pa.array([uuid.UUID(int=row).bytes for row in rows], pa.uuid()),
        "token_too": pa.array([uuid.UUID(int=row).bytes for row in rows], pa.uuid()),
        "nested": pa.array(
            [{"a": row, "b": [row, None]} for row in rows],
            pa.struct([("a", pa.int64()), ("b", pa.list_(pa.int16()))]),
        ),
        "pairs": pa.array([[("k", row)] for row in rows], pa.map_(pa.string(), pa.int32())),
        "two": pa.array([[row, row] for row in rows], pa.list_(pa.float32(), 2)),
    }
)
pq.write_table(table, sys.argv[1], write_page_index=True, row_group_size=250)
