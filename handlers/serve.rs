//! `lakehand serve`: the worker behind the Functions host.

use std::{io::Read, net::Ipv4Addr, process::ExitCode, sync::Arc};

use lakehand::{
    alerts::deliver::Exit,
    app::{App, router},
    config::LiveConfig,
    encryption::{
        keys::DataKeys,
        service::{Tools, failure, memory::Memory},
    },
    settings::{ConfigSource, Environment, Problem, Settings},
    stores::{StoreError, open},
};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tracing_subscriber::EnvFilter;

/// Tells the host to start the worker again without counting a failure. The host starts nothing
/// after an exit with 0, so even a wanted end must not use that.
const RESTART: u8 = 200;

/// Why the worker cannot run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Settings are missing or wrong.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Settings(Vec<Problem>),
    /// A store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The port cannot be had, or the like.
    #[error("cannot listen on 127.0.0.1:{port}: {reason}")]
    Listen {
        /// The port.
        port: u16,
        /// Why.
        reason: std::io::Error,
    },
    /// The system refuses something ordinary.
    #[error("cannot start: {0}")]
    System(#[from] std::io::Error),
}

impl From<Vec<Problem>> for Failure {
    fn from(problems: Vec<Problem>) -> Self {
        Self::Settings(problems)
    }
}

/// Serves until the host ends it.
pub(crate) fn serve(environment: Environment, stop_with_stdin: bool) -> ExitCode {
    start_logging(&environment);
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&Failure::System(error)),
    };
    match runtime.block_on(run(environment, stop_with_stdin)) {
        Ok(()) => ExitCode::from(RESTART),
        Err(failure) => fail(&failure),
    }
}

/// The host shows the last lines of stderr when a worker ends.
fn fail(failure: &Failure) -> ExitCode {
    for line in failure.to_string().lines() {
        tracing::error!("{line}");
        eprintln!("lakehand cannot start: {line}");
    }
    ExitCode::FAILURE
}

/// What is logged unless a setting says otherwise: our own lines, and only the troubles of others.
const LOG: &str = "info,azure=error,typespec=error,reqwest=error,hyper=error";

/// One JSON object per line on stdout, which the host takes into its own log.
fn start_logging(environment: &Environment) {
    let filter = environment.get("LAKEHAND_LOG").map_or(LOG, String::as_str);
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new(LOG));
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_span_list(false)
        .with_env_filter(filter)
        .init();
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let message = panic.payload_as_str().unwrap_or("no message");
        tracing::error!(panic.place = place, panic.message = message, "lakehand panicked");
    }));
}

/// Opens everything that the settings name.
///
/// # Errors
/// Every setting that is missing or wrong, or the store that cannot be opened.
pub(crate) fn open_app(environment: Environment) -> Result<App, Failure> {
    let settings = Settings::read(&environment)?;
    let stores = open::open(&settings)?;
    let config = LiveConfig::new(
        settings.config.clone(),
        environment,
        settings.landing.clone(),
        Arc::clone(&stores.blobs),
        open::open_account,
    );
    let keys = open::open_keys(&settings.keys)?;
    let keys = keys.map(|keys| Arc::new(DataKeys::new(keys, Arc::clone(&stores.documents))));
    let tools = Tools {
        blobs: Arc::clone(&stores.blobs),
        documents: Arc::clone(&stores.documents),
        keys,
        memory: Memory::new(settings.memory),
    };
    Ok(App {
        tools,
        settings,
        config,
        blobs: stores.blobs,
        queues: stores.queues,
        documents: stores.documents,
        exit: Exit::new(open::open_token),
    })
}

async fn run(environment: Environment, stop_with_stdin: bool) -> Result<(), Failure> {
    let app = Arc::new(open_app(environment)?);
    let port = app.settings.port;
    read_configuration(&app).await;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .map_err(|reason| Failure::Listen { port, reason })?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), port, "lakehand is listening");
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let asked = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = closed(stop_with_stdin) => {}
        }
    };
    axum::serve(listener, router(app)).with_graceful_shutdown(asked).await?;
    tracing::info!("lakehand has ended as asked");
    Ok(())
}

/// Reads the configuration for the first time, and says in the log what is wrong with it. A file is
/// there at once; the host must not wait for a blob.
async fn read_configuration(app: &Arc<App>) {
    let app = Arc::clone(app);
    let source = app.settings.config.clone();
    let reading = tokio::spawn(async move {
        if let Ok(active) = app.config.current().await
            && app.tools.keys.is_none()
            && !active.config.policies.is_empty()
        {
            tracing::warn!("the policies rest: {}", failure::Failure::NoKeys);
        }
    });
    if let ConfigSource::File(_) = source {
        let _ = reading.await;
    }
}

/// Ends when the parent does, by the end of our standard input: a parent that is killed cannot say
/// goodbye. Never ends where that was not asked for.
async fn closed(stop_with_stdin: bool) {
    if !stop_with_stdin {
        return std::future::pending().await;
    }
    let (sender, receiver) = tokio::sync::oneshot::channel();
    // A thread of its own: a blocked read would keep the runtime from ending.
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin().lock().by_ref(), &mut std::io::sink());
        let _ = sender.send(());
    });
    let _ = receiver.await;
}
