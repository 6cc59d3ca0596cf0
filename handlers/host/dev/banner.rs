//! The first thing `dev` prints: what listens where, and where to drop files.

use std::net::SocketAddr;

use super::{
    front::WEBHOOK,
    plan::{Plan, Planned},
};
use crate::{
    host::functions::Trigger,
    settings::{Settings, Storage},
};

/// The text, several lines of it.
pub(super) fn banner(plan: &Plan, address: SocketAddr) -> String {
    let base = format!("http://{address}");
    let mut lines = vec![format!("lakehand {} on {base}", env!("CARGO_PKG_VERSION"))];
    lines.extend(storage(&plan.settings));
    let width = plan.functions.iter().map(|function| function.name.len()).max().unwrap_or(0);
    for function in &plan.functions {
        lines.push(format!("  {:width$}  {}", function.name, describe(function, &base)));
    }
    lines.push("Ctrl-C ends it.".to_owned());
    lines.join("\n")
}

fn storage(settings: &Settings) -> [String; 2] {
    let landing = &settings.landing;
    match &settings.storage {
        Storage::Lake => [
            format!("Storage: the local lake in {}", settings.lake.display()),
            format!("Drop files into {}", settings.lake.join(landing).display()),
        ],
        Storage::Account(connection) => [
            format!("Storage: the account {} at {}", connection.account, connection.blob),
            format!("Upload blobs to the container {landing}"),
        ],
    }
}

fn describe(function: &Planned, base: &str) -> String {
    if function.disabled {
        return format!("off, by the setting AzureWebJobs.{}.Disabled", function.name);
    }
    match &function.binding.trigger {
        Trigger::Http { route } => format!("{base}/api/{route}"),
        Trigger::Blob { container, .. } => format!("blobs in {container}"),
        Trigger::Queue { queue } => format!("messages in {queue}"),
        Trigger::Timer { schedule } => format!("each second (in Azure: {schedule})"),
        Trigger::EventGrid => format!("{base}{WEBHOOK}?functionName={}", function.name),
    }
}
