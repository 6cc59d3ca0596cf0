//! Requests to the metadata API, beside the same routes written by hand.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    client::Connection,
    process::{cpu, memory},
    python,
    table::{Table, decimals, mebibytes, median},
    worker::{Worker, free_port},
};

/// Connections that ask at the same time, each one request after the other.
const CONNECTIONS: usize = 8;

/// How long one server is asked for one thing in one round.
const SPELL: Duration = Duration::from_secs(2);

const ROUNDS: usize = 5;

const DATASETS: usize = 1_000;

/// So many requests are answered before memory is read.
const MANY: usize = 1_000_000;

const REQUIREMENTS: &str = include_str!("fastapi_requirements.txt");

const INTRODUCTION: &str = "\
## Metadata

Eight connections ask one server at a time, in turns of two seconds; both keep their data in SQLite and \
flush it at each commit. `fastapi_peer.py` has the three routes alone, written with FastAPI, pydantic \
and uvicorn. A window and its commit are two requests, and count as one.

";

/// What is asked for.
#[derive(Clone, Copy)]
enum Job {
    Read,
    List,
    Window,
}

const JOBS: [(Job, &str); 3] = [
    (Job::Read, "read one dataset"),
    (Job::List, "list 100 of 1,000"),
    (Job::Window, "open a window, commit"),
];

/// A server under test.
struct Server {
    name: &'static str,
    port: u16,
    id: u32,
}

/// What one spell showed.
struct Spell {
    rate: f64,
    /// The slowest of the fastest 99 of 100, in milliseconds.
    p99: f64,
    /// CPU milliseconds of the server for each.
    cpu: f64,
}

/// FastAPI's process; killed when dropped.
struct Peer(Child);

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Measures both.
pub(crate) async fn measure() -> String {
    let root = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let worker = Worker::start(root.path(), None);
    let (port, peer) = start_peer(root.path()).await;
    let servers = [
        Server { name: "lakehand", port: worker.port(), id: worker.id() },
        Server { name: "FastAPI", port, id: peer.0.id() },
    ];
    for server in &servers {
        fill(server).await;
    }
    let mut table = Table::new(&["", "requests/s", "p99 ms", "CPU ms each"]);
    let mut ratios = Vec::new();
    for (job, what) in JOBS {
        let mut spells = [Vec::new(), Vec::new()];
        for _ in 0..ROUNDS {
            for (server, spells) in servers.iter().zip(&mut spells) {
                spells.push(spell(server, job).await);
            }
        }
        let of = |at: usize, value: fn(&Spell) -> f64| median(spells[at].iter().map(value));
        for (at, server) in servers.iter().enumerate() {
            table.row(&[
                &format!("{what}, {}", server.name),
                &decimals(of(at, |it| it.rate), 0),
                &decimals(of(at, |it| it.p99), 2),
                &decimals(of(at, |it| it.cpu), 3),
            ]);
        }
        let ratio = |value: fn(&Spell) -> f64| of(0, value) / of(1, value);
        let (more, cpu) = (ratio(|it| it.rate), 1.0 / ratio(|it| it.cpu));
        ratios.push(format!("{what}: {more:.1} times as many, at 1/{cpu:.1} of the CPU time"));
    }
    let ratios = ratios.join("; ");
    let held = memory_after_many(&servers[0]).await;
    format!("{INTRODUCTION}{}\n{ratios}.\n\n{held}\n\n", table.into_text())
}

async fn start_peer(root: &Path) -> (u16, Peer) {
    let port = free_port();
    let child = Command::new(python::with("fastapi", REQUIREMENTS))
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/fastapi_peer.py"))
        .arg(port.to_string())
        .arg(root.join("peer.db"))
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let peer = Peer(child);
    let began = Instant::now();
    while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(30), "FastAPI does not listen");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    (port, peer)
}

/// Gives a server its datasets, and a table for each connection.
async fn fill(server: &Server) {
    let mut connection = Connection::open(server.port).await;
    for number in 0..DATASETS {
        let dataset = json!({"id": format!("sales-{number}"), "container": "curated", "tags": {"source": "crm"}});
        connection.ask("POST", "/api/datasets", &dataset.to_string()).await;
    }
    for number in 0..CONNECTIONS {
        let watermark = json!({"column": "n", "type": "bigint", "start": "0"});
        let id = format!("table-{number}");
        let table = json!({"id": id, "table": id, "watermark": watermark});
        connection.ask("POST", "/api/tables", &table.to_string()).await;
    }
}

/// Asks for one thing until the time is up.
async fn spell(server: &Server, job: Job) -> Spell {
    let (before, began) = (cpu(server.id), Instant::now());
    let end = began + SPELL;
    let port = server.port;
    let workers: Vec<_> = (0..CONNECTIONS)
        .map(|number| {
            tokio::spawn(async move {
                let mut connection = Connection::open(port).await;
                let mut times = Vec::new();
                while Instant::now() < end {
                    let asked = Instant::now();
                    once(&mut connection, job, number, times.len()).await;
                    times.push(asked.elapsed());
                }
                times
            })
        })
        .collect();
    let mut times = Vec::new();
    for worker in workers {
        times.extend(worker.await.unwrap());
    }
    let seconds = began.elapsed().as_secs_f64();
    let used = cpu(server.id) - before;
    times.sort_unstable();
    Spell {
        rate: times.len() as f64 / seconds,
        p99: times[times.len() * 99 / 100].as_secs_f64() * 1000.0,
        cpu: used.as_secs_f64() * 1000.0 / times.len() as f64,
    }
}

async fn once(connection: &mut Connection, job: Job, number: usize, time: usize) {
    match job {
        Job::Read => {
            let path = format!("/api/datasets/sales-{}", (number * 131 + time) % DATASETS);
            connection.ask("GET", &path, "").await;
        }
        Job::List => {
            connection.ask("GET", "/api/datasets?limit=100", "").await;
        }
        Job::Window => {
            let open = json!({"runId": format!("{number}-{time}-{}", uuid::Uuid::new_v4()), "upper": "9000000000"});
            let path = format!("/api/tables/table-{number}/windows");
            let answer = connection.ask("POST", &path, &open.to_string()).await;
            let window: Value = serde_json::from_slice(answer).unwrap();
            let id = window["id"].as_str().unwrap();
            let max = window["lower"].as_str().unwrap().parse::<u64>().unwrap() + 1;
            let commit = json!({"rowsRead": 1, "max": max.to_string()}).to_string();
            connection.ask("POST", &format!("{path}/{id}/commit"), &commit).await;
        }
    }
}

/// What lakehand holds after a million requests.
async fn memory_after_many(server: &Server) -> String {
    let port = server.port;
    let workers: Vec<_> = (0..CONNECTIONS)
        .map(|number| {
            tokio::spawn(async move {
                let mut connection = Connection::open(port).await;
                for time in 0..MANY / CONNECTIONS {
                    once(&mut connection, Job::Read, number, time).await;
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await.unwrap();
    }
    let held = memory(server.id);
    format!(
        "After a million requests more, lakehand held {} MiB, and never more than {} MiB.",
        mebibytes(held.resident),
        mebibytes(held.peak)
    )
}
