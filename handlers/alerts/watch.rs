//! What nobody posts an alert for: lakehand's own troubles, and what did not happen at all.
//!
//! Each time it looks at how things are. What is wrong becomes an incident under a name of its own,
//! and is told of once; an incident whose trouble is gone is closed. What could not be looked at is
//! left as it is.

use std::collections::BTreeSet;

use time::OffsetDateTime;

use super::{
    announce::Alarm, assemble, incident::Incident, intake::report::Report, severity::Rules,
};
use crate::{
    app::App,
    config::{Active, Expected},
    error::Error,
    metadata::{freshness, http::time::write_time, months::Span, runs::store::Runs},
    routing::sweep::BLOB_POISON,
    stores::{Fault, StoreError},
};

/// The shape of the incidents that are found here.
const OWN: &str = "lakehand";

/// So many names of files are told.
const MOST_NAMES: usize = 5;

/// Something that is wrong, by what it is called and what it is about.
struct Trouble {
    code: &'static str,
    about: String,
    text: String,
    table: Option<String>,
    pipeline: Option<String>,
}

impl Trouble {
    fn new(code: &'static str, about: impl Into<String>, text: String) -> Self {
        Self { code, about: about.into(), text, table: None, pipeline: None }
    }

    fn incident(self, now: OffsetDateTime) -> Incident {
        let report = Report {
            shape: OWN,
            title: Some(self.text.clone()),
            code: Some(self.code.to_owned()),
            key: Some(format!("{}/{}", self.code, self.about)),
            text: self.text,
            table: self.table,
            pipeline: self.pipeline,
            ..Report::default()
        };
        assemble::incident(report, now, &Rules::default())
    }
}

/// Looks at everything, tells of what is wrong and of what is well again. One line for each.
///
/// # Errors
/// The way to the channels cannot be opened.
pub async fn watch(app: &App, active: &Active) -> Result<Vec<String>, Error> {
    let (alarm, now) = (app.alarm(active)?, OffsetDateTime::now_utc());
    let mut looked = BTreeSet::new();
    let mut wrong = Vec::new();
    let mut note = |code: &'static str, found: Result<Vec<Trouble>, Error>| match found {
        Ok(found) => {
            looked.insert(code);
            wrong.extend(found);
        }
        Err(error) => tracing::warn!(%error, watch.code = code, "nothing is known of it now"),
    };
    note("LakehandConfiguration", Ok(configuration(app)));
    note("LakehandStale", stale(app, active, now).await);
    note("LakehandQuarantined", quarantine(app, active).await.map_err(Error::from));
    note("LakehandPoisoned", poison(app).await.map_err(Error::from));
    note(
        "LakehandNotRun",
        not_run(app, &active.config.alerts.expected, now).await.map_err(Error::from),
    );
    let wrong: Vec<Incident> = wrong.into_iter().map(|trouble| trouble.incident(now)).collect();
    Ok(told(&alarm, wrong, &looked).await?)
}

async fn told(
    alarm: &Alarm<'_>,
    wrong: Vec<Incident>,
    looked: &BTreeSet<&'static str>,
) -> Result<Vec<String>, StoreError> {
    let mut lines = Vec::new();
    let open = alarm.open(OWN).await?;
    let ids: BTreeSet<_> = wrong.iter().map(|incident| incident.id.clone()).collect();
    for incident in wrong {
        if open.iter().all(|record| record.id != incident.id) {
            lines.push(format!("wrong: {}", incident.title));
            alarm.take(incident).await?;
        }
    }
    let is_over = |code: Option<&str>| code.is_some_and(|code| looked.contains(code));
    for record in open {
        let code = record.incident.cause.code.as_deref();
        if !ids.contains(&record.id) && is_over(code) {
            lines.push(format!("well again: {}", record.incident.title));
            alarm.end(&record.id).await?;
        }
    }
    Ok(lines)
}

fn configuration(app: &App) -> Vec<Trouble> {
    let why = app.config.rejected().map(|why| why.to_string());
    let trouble = |why| {
        let text = format!(
            "lakehand.toml was changed and is rejected, the last good one is in use: {why}"
        );
        Trouble::new("LakehandConfiguration", "lakehand.toml", text)
    };
    why.map(trouble).into_iter().collect()
}

async fn stale(app: &App, active: &Active, now: OffsetDateTime) -> Result<Vec<Trouble>, Error> {
    let late = freshness::http::late(app, active, now).await?;
    let trouble = |it: freshness::model::Freshness| {
        let since = it.newest_at.as_deref().unwrap_or("an unknown time");
        let text = format!("{} has had nothing new since {since}, which is too long", it.id);
        let table = (it.kind == freshness::model::Kind::Table).then(|| it.id.clone());
        Trouble { table, ..Trouble::new("LakehandStale", &it.id, text) }
    };
    Ok(late.into_iter().map(trouble).collect())
}

async fn quarantine(app: &App, active: &Active) -> Result<Vec<Trouble>, StoreError> {
    let Some(container) = active.config.landing.quarantine.container() else {
        return Ok(Vec::new());
    };
    let page = match app.blobs.list(container, "", None).await {
        Err(error) if error.fault == Fault::NotFound => return Ok(Vec::new()),
        page => page?,
    };
    let names: Vec<_> = page.items.iter().map(|blob| blob.path.to_string()).collect();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let more = if page.next.is_some() { "more than " } else { "" };
    let first = names.iter().take(MOST_NAMES).cloned().collect::<Vec<_>>().join(", ");
    let text = format!("{more}{} in the quarantine: {first}", files(names.len()));
    Ok(vec![Trouble::new("LakehandQuarantined", container, text)])
}

fn files(count: usize) -> String {
    if count == 1 { "1 file is".to_owned() } else { format!("{count} files are") }
}

async fn poison(app: &App) -> Result<Vec<Trouble>, StoreError> {
    let mut found = Vec::new();
    for queue in [BLOB_POISON.to_owned(), format!("{}-poison", app.settings.queue)] {
        let waiting = match app.queues.peek(&queue).await {
            Err(error) if error.fault == Fault::NotFound => 0,
            waiting => waiting?,
        };
        if waiting > 0 {
            let text = format!("the host gave up on messages, which lie in the queue {queue}");
            found.push(Trouble::new("LakehandPoisoned", queue, text));
        }
    }
    Ok(found)
}

async fn not_run(
    app: &App,
    expected: &[Expected],
    now: OffsetDateTime,
) -> Result<Vec<Trouble>, StoreError> {
    let mut found = Vec::new();
    for Expected { pipeline, every } in expected {
        let reach = time::Duration::try_from(*every).unwrap_or(time::Duration::MAX);
        let runs = Runs::of(&*app.documents);
        if runs.newest("pipeline", pipeline, Span::last(reach, now), 1).await?.is_empty() {
            let since = write_time(now.checked_sub(reach).unwrap_or(now));
            let text = format!("no run of {pipeline} was reported since {since}");
            let trouble = Trouble::new("LakehandNotRun", pipeline, text);
            found.push(Trouble { pipeline: Some(pipeline.clone()), ..trouble });
        }
    }
    Ok(found)
}
