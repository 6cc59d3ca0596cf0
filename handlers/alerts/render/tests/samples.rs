//! Five incidents as they are met.

use time::{Duration, OffsetDateTime, macros::datetime};

use super::super::{
    super::incident::*,
    notice::{Kind, Notice},
};

const AT: OffsetDateTime = datetime!(2026-12-01 06:12:03 UTC);

fn factory() -> Factory {
    Factory {
        name: "adf-lake-prod".to_owned(),
        resource_group: Some("rg-data".to_owned()),
        ..Factory::default()
    }
}

fn link(title: &str, url: &str) -> Link {
    Link { title: title.to_owned(), url: url.to_owned() }
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// A copy that a database refused, with a row in its message.
pub(super) fn sql() -> Incident {
    let root = "Violation of PRIMARY KEY constraint 'PK_orders'. Cannot insert duplicate key in object 'sales.orders'. The duplicate key value is (4711, Jansen & Zn <info@jansen.example>).";
    Incident {
        id: "5f0c2f8e9a5d4c0db7a9d3d0a1b2c3d4".to_owned(),
        severity: Severity::Error,
        title: "Pipeline ingest_sales_orders failed: SqlOperationFailed".to_owned(),
        shape: "flat".to_owned(),
        pipeline: some("ingest_sales_orders"),
        factory: Some(factory()),
        run_id: some("7d6f3f0a-4c70-4c0e-9a43-0a3a6f0f6a10"),
        root_run_id: some("0b0f6f5e-2b51-44f5-8a1c-7b0c1d2e3f40"),
        activities: ["For each table", "Copy table", "Write orders"].map(str::to_owned).to_vec(),
        table: some("sales.orders"),
        owner: some("team-sales"),
        environment: some("prod"),
        cause: Cause {
            code: some("SqlOperationFailed"),
            failure_type: Some(FailureType::UserError),
            root: root.to_owned(),
            raw: format!(
                "Operation on target For each table failed: Activity failed because an inner activity failed; Inner activity name: Write orders\nErrorCode=SqlOperationFailed,'Type=Microsoft.DataTransfer.Common.Shared.HybridDeliveryException,Message={root},Source=Microsoft.DataTransfer.ClientLibrary'"
            ),
            retry: Some(Retry::Useless),
            ..Cause::default()
        },
        help: Some(Help {
            explanation: "The database refused the statement that the copy ran.".to_owned(),
            next_step: "Remove the duplicate rows, or set the sink's write behaviour to Upsert."
                .to_owned(),
            source:
                "https://learn.microsoft.com/azure/data-factory/connector-troubleshoot-azure-sql"
                    .to_owned(),
        }),
        at: Some(AT),
        started: Some(AT - Duration::minutes(14)),
        duration: Some(840.0),
        links: vec![link(
            "Open the run",
            "https://adf.azure.com/en/monitoring/pipelineruns/7d6f3f0a-4c70-4c0e-9a43-0a3a6f0f6a10?factory=%2Fsubscriptions%2Fx",
        )],
        facts: vec![Fact { name: "Trigger".to_owned(), value: "hourly".to_owned() }],
        memory: Some(Memory {
            last_success: Some(AT - Duration::hours(1)),
            failures: 3,
            runs: 168,
        }),
        ..Incident::default()
    }
}

/// A rule of Azure Monitor, which knows no run.
pub(super) fn metric() -> Incident {
    Incident {
        id: "c0ffee00c0ffee00c0ffee00c0ffee00".to_owned(),
        severity: Severity::Critical,
        title: "PipelineFailedRuns > 0 in adf-lake-prod".to_owned(),
        shape: "azureMonitorMetric".to_owned(),
        factory: Some(factory()),
        at: Some(AT),
        facts: vec![
            Fact { name: "Metric".to_owned(), value: "PipelineFailedRuns".to_owned() },
            Fact { name: "Value".to_owned(), value: "4 > 0".to_owned() },
        ],
        links: vec![link("Failed runs", "https://adf.azure.com/en/monitoring/pipelineruns")],
        ..Incident::default()
    }
}

/// A text that no shape fits, with markup of every kind.
pub(super) fn odd() -> Incident {
    let text = "<img src=x onerror=alert(1)> <!channel> <at>All</at> **bold** [x](javascript:y) {{DATE(2026-12-01T00:00:00Z,SHORT)}} \"quoted\" & 'more'\n\n# heading";
    Incident {
        id: "0".repeat(32),
        severity: Severity::Warning,
        title: text.to_owned(),
        shape: "text".to_owned(),
        cause: Cause { root: text.to_owned(), ..Cause::default() },
        links: vec![link("click", "javascript:alert(1)")],
        ..Incident::default()
    }
}

/// A very long error.
fn long() -> Incident {
    let mut long = sql();
    long.title = "Pipeline ".to_owned() + &"nightly-".repeat(40);
    long.cause.root = "The column 'straße' was not found. ".repeat(400);
    long.cause.raw = "at Microsoft.DataTransfer.Runtime \u{2192} Copy\n".repeat(2_000);
    long
}

/// Each with what is said of it.
pub(super) fn notices(incidents: &[Incident; 5]) -> [(&'static str, Notice<'_>); 5] {
    let [sql, metric, odd, long, again] = incidents;
    let over = Kind::Resolved { after: Duration::minutes(83) };
    let summary = Kind::Summary { count: 41, examples: vec![sql, metric] };
    [
        ("sql", Notice { incident: sql, kind: Kind::Opened }),
        ("metric-resolved", Notice { incident: metric, kind: over }),
        ("odd-text", Notice { incident: odd, kind: Kind::Opened }),
        ("long-reminder", Notice { incident: long, kind: Kind::Reminder { since: AT } }),
        ("summary", Notice { incident: again, kind: summary }),
    ]
}

/// What [`notices`] speak of.
pub(super) fn incidents() -> [Incident; 5] {
    [sql(), metric(), odd(), long(), sql()]
}
