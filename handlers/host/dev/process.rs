//! The worker process: started, awaited, restarted by the host's rules, ended.

use std::{
    collections::VecDeque,
    io,
    net::{Ipv4Addr, TcpListener},
    path::PathBuf,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, ChildStdin, Command},
    sync::watch,
    task::JoinHandle,
    time::{sleep, timeout},
};
use uuid::Uuid;

use super::{
    exit_rules::{Ended, ExitRules, Verdict},
    report::{Report, WorkerLog},
    stop::Stop,
    worker::{State, loopback_client},
};
use crate::settings::Environment;

/// The pause between two questions whether the worker listens.
const READINESS_PAUSE: Duration = Duration::from_millis(25);
/// How long a process may take to end when it is told to, before it is killed.
const FAREWELL: Duration = Duration::from_secs(1);
/// How many of its last error lines explain the end of a process.
const LAST_LINES: usize = 3;

/// The worker failed once too often.
#[derive(Debug, thiserror::Error)]
#[error(
    "Exceeded http worker restart retry count. Shutting down Functions Host. {name} {ended}{}",
    quoted(last_lines)
)]
pub struct GaveUp {
    name: String,
    ended: String,
    last_lines: Vec<String>,
}

/// How to start a worker.
#[derive(Clone, Debug)]
pub(super) struct Program {
    /// What it is called in reports.
    pub(super) name: String,
    /// The executable.
    pub(super) executable: PathBuf,
    /// Its arguments.
    pub(super) arguments: Vec<String>,
    /// Its whole environment, but for what the host adds.
    pub(super) environment: Environment,
    /// The app root, and the folder it runs in.
    pub(super) root: PathBuf,
    /// How long it may take to listen.
    pub(super) initialization: Duration,
}

/// Keeps a worker running until it is time to stop, or until the host's rules end it.
///
/// # Errors
/// [`GaveUp`] after the third error.
pub(super) async fn supervise(
    program: Program,
    state: watch::Sender<State>,
    report: Report,
    stop: Stop,
) -> Result<(), GaveUp> {
    let mut rules = ExitRules::default();
    loop {
        state.send_replace(State::Starting);
        let Some((ended, last_lines)) = live(&program, &state, report, &stop).await else {
            return Ok(());
        };
        match rules.judge(ended, Instant::now()) {
            Verdict::Restart => {
                let (name, ended) = (&program.name, describe(ended));
                report.event(&format!("{name} {ended}; starting it again"));
            }
            Verdict::GiveUp => {
                state.send_replace(State::Gone);
                return Err(GaveUp { name: program.name, ended: describe(ended), last_lines });
            }
            Verdict::Rest => {
                report.event(&format!(
                    "{} left with exit code 0, which the host takes for intended: \
                     every invocation fails until you start `lakehand dev` again",
                    program.name
                ));
                stop.asked().await;
                return Ok(());
            }
        }
    }
}

/// One life of the process, `None` if it was told to stop.
async fn live(
    program: &Program,
    state: &watch::Sender<State>,
    report: Report,
    stop: &Stop,
) -> Option<(Ended, Vec<String>)> {
    let mut process = match Process::start(program, report) {
        Ok(process) => process,
        Err(error) => return Some((Ended::NotStarted, vec![error.to_string()])),
    };
    let ended = stop.or(process.serve(program.initialization, state)).await;
    if ended.is_none_or(|ended| ended == Ended::NeverReady) {
        process.end().await;
    }
    Some((ended?, process.last_lines().await))
}

struct Process {
    child: Child,
    /// Held apart, because waiting for a child closes what input it still owns.
    input: Option<ChildStdin>,
    port: u16,
    last_lines: Arc<Mutex<VecDeque<String>>>,
    errors: JoinHandle<()>,
}

impl Process {
    fn start(program: &Program, report: Report) -> io::Result<Self> {
        let port = free_port()?;
        let mut child = program.command(port).spawn()?;
        let last_lines = Arc::new(Mutex::new(VecDeque::new()));
        let input = child.stdin.take();
        let output = child.stdout.take().expect("stdout is piped");
        let errors = child.stderr.take().expect("stderr is piped");
        let mut log = WorkerLog::new(report);
        tokio::spawn(read_lines(output, move |line| log.line(&line)));
        let kept = Arc::clone(&last_lines);
        let errors = tokio::spawn(read_lines(errors, move |line| {
            report.worker_error(&line);
            keep_last(&kept, line);
        }));
        Ok(Self { child, input, port, last_lines, errors })
    }

    /// Waits for the process to listen, says so, and waits for its end.
    async fn serve(&mut self, initialization: Duration, state: &watch::Sender<State>) -> Ended {
        let port = self.port;
        tokio::select! {
            ended = self.ended() => {
                // The host would go on asking an absent process until the time is up.
                return if ended == Ended::Code(0) { Ended::NeverReady } else { ended };
            }
            ready = timeout(initialization, listens(port)) => {
                if ready.is_err() {
                    return Ended::NeverReady;
                }
            }
        }
        state.send_replace(State::Ready(port));
        self.ended().await
    }

    async fn ended(&mut self) -> Ended {
        self.child.wait().await.map_or(Ended::Signal, Ended::from)
    }

    /// Closes the process's input, which tells it to end, and kills it if it does not.
    async fn end(&mut self) {
        drop(self.input.take());
        if timeout(FAREWELL, self.child.wait()).await.is_err() {
            // It fails only if the process has just ended, which is what was wanted.
            let _ = self.child.kill().await;
        }
    }

    /// The last lines of its error output, once all of it has been read.
    async fn last_lines(&mut self) -> Vec<String> {
        // A child of the worker may hold the pipe open; the lines so far must do then.
        let _ = timeout(FAREWELL, &mut self.errors).await;
        let lines = self.last_lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().cloned().collect()
    }
}

impl Program {
    /// The command with the environment that the host gives a custom handler. Its own process
    /// group keeps a Ctrl-C on the terminal from reaching it before its invocations are done.
    fn command(&self, port: u16) -> Command {
        let (port, id) = (port.to_string(), Uuid::new_v4().to_string());
        let mut command = Command::new(&self.executable);
        command
            .args(&self.arguments)
            .current_dir(&self.root)
            .env_clear()
            .envs(self.environment.iter())
            .env("FUNCTIONS_CUSTOMHANDLER_PORT", &port)
            .env("FUNCTIONS_HTTPWORKER_PORT", &port)
            .env("FUNCTIONS_CUSTOMHANDLER_WORKER_ID", &id)
            .env("FUNCTIONS_HTTPWORKER_ID", &id)
            .env("FUNCTIONS_APP_ROOT_PATH", &self.root)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        command
    }
}

/// A port that nothing listens on now; the worker binds it a moment later.
fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Asks until something answers, whatever it answers.
async fn listens(port: u16) {
    let client = loopback_client();
    let address = format!("http://127.0.0.1:{port}/");
    while client.get(&address).send().await.is_err_and(|error| error.is_connect()) {
        sleep(READINESS_PAUSE).await;
    }
}

async fn read_lines(stream: impl AsyncRead + Unpin, mut each: impl FnMut(String)) {
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).await.is_ok_and(|length| length > 0) {
        each(String::from_utf8_lossy(line.trim_ascii_end()).into_owned());
        line.clear();
    }
}

fn keep_last(lines: &Mutex<VecDeque<String>>, line: String) {
    let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
    lines.push_back(line);
    if lines.len() > LAST_LINES {
        lines.pop_front();
    }
}

fn describe(ended: Ended) -> String {
    match ended {
        Ended::Code(code) => format!("left with exit code {code}"),
        Ended::Signal => "was killed".to_owned(),
        Ended::NeverReady => {
            "did not listen in time (Initializing HttpWorker timed out)".to_owned()
        }
        Ended::NotStarted => "could not be started".to_owned(),
    }
}

fn quoted(lines: &[String]) -> String {
    if lines.is_empty() { String::new() } else { format!(":\n  {}", lines.join("\n  ")) }
}

#[cfg(test)]
mod tests;
