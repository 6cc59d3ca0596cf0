"""Three routes of the metadata API with FastAPI and SQLite, as a team would write them by hand.

Takes a port and a file. The database has the settings of lakehand's: a write-ahead log, flushed at
each commit.
"""

import json
import sqlite3
import sys
import threading
import uuid

import uvicorn
from fastapi import FastAPI, HTTPException
from fastapi.responses import ORJSONResponse
from pydantic import BaseModel

PORT, FILE = int(sys.argv[1]), sys.argv[2]
app = FastAPI(default_response_class=ORJSONResponse)
local = threading.local()


def database():
    if not hasattr(local, "connection"):
        local.connection = sqlite3.connect(FILE, isolation_level=None, timeout=10)
        local.connection.execute("PRAGMA journal_mode = WAL")
        local.connection.execute("PRAGMA synchronous = FULL")
    return local.connection


database().executescript(
    """
    CREATE TABLE datasets (id TEXT PRIMARY KEY, created TEXT, body TEXT);
    CREATE INDEX by_time ON datasets (created);
    CREATE TABLE tables (id TEXT PRIMARY KEY, mark INTEGER, open TEXT);
    """
)


class Dataset(BaseModel):
    id: str
    container: str | None = None
    tags: dict[str, str] = {}


class Open(BaseModel):
    runId: str
    upper: str


class Commit(BaseModel):
    rowsRead: int
    max: str


@app.post("/api/datasets")
def create(dataset: Dataset):
    body = dataset.model_dump() | {"status": "landing", "etag": uuid.uuid4().hex}
    row = (dataset.id, dataset.id, json.dumps(body))
    database().execute("INSERT INTO datasets VALUES (?, ?, ?)", row)
    return body


@app.get("/api/datasets/{id:path}")
def read(id: str):
    row = database().execute("SELECT body FROM datasets WHERE id = ?", (id,)).fetchone()
    if row is None:
        raise HTTPException(404)
    return json.loads(row[0])


@app.get("/api/datasets")
def list_datasets(limit: int = 100):
    query = "SELECT body FROM datasets ORDER BY created DESC LIMIT ?"
    value = [json.loads(body) for (body,) in database().execute(query, (limit,))]
    return {"count": len(value), "value": value, "continuationToken": value[-1]["id"]}


@app.post("/api/tables")
def create_table(table: dict):
    database().execute("INSERT INTO tables VALUES (?, 0, NULL)", (table["id"],))
    return {"id": table["id"]}


@app.post("/api/tables/{id}/windows")
def open_window(id: str, request: Open):
    connection, window = database(), uuid.uuid4().hex
    connection.execute("BEGIN IMMEDIATE")
    mark, opened = connection.execute("SELECT mark, open FROM tables WHERE id = ?", (id,)).fetchone()
    if opened:
        connection.execute("ROLLBACK")
        raise HTTPException(409)
    connection.execute("UPDATE tables SET open = ? WHERE id = ?", (window, id))
    connection.execute("COMMIT")
    query = f"SELECT * FROM [{id}] WHERE [n] > {mark} AND [n] <= {int(request.upper)}"
    return {"id": window, "lower": str(mark), "upper": request.upper, "query": query}


@app.post("/api/tables/{id}/windows/{window}/commit")
def commit(id: str, window: str, request: Commit):
    changed = database().execute(
        "UPDATE tables SET mark = max(mark, ?), open = NULL WHERE id = ? AND open = ?",
        (int(request.max), id, window),
    )
    if changed.rowcount == 0:
        raise HTTPException(409)
    return {"id": window, "applied": True}


uvicorn.run(app, port=PORT, log_level="error")
