//! `/api/alerts` and what lies below it.

use std::{sync::Arc, time::Instant};

use axum::{
    Json,
    body::Body,
    extract::{Path, State, rejection::PathRejection},
    http::{StatusCode, Uri},
    response::{IntoResponse, Response},
};
use futures::StreamExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    announce::{Alarm, BUDGET, Report},
    choose,
    course::{
        record::{Acknowledgement, Fate, Record},
        rules,
        silence::{Matchers, Silence},
        store::{Incidents, Silences},
    },
    incident::{Condition, Incident},
    intake, memory,
    render::{
        email,
        notice::{Kind, Notice, Style},
        pagerduty, slack, teams, webhook,
    },
};
use crate::{
    app::App,
    config::Active,
    error::{Error, Wrong},
    metadata::{
        http::{
            body,
            list::List,
            query::Parameters,
            text::check_text,
            time::{read_time, write_time},
            token,
        },
        months::Span,
        tables::http::of,
    },
    stores::documents::Filter,
};

/// The longest silence, in days.
const LONGEST_SILENCE: i64 = 366;

/// The most patterns of one silence, and the longest of them in characters.
const MOST_PATTERNS: usize = 100;
const LONGEST_PATTERN: usize = 260;

impl App {
    /// What telling works with, for one invocation.
    ///
    /// # Errors
    /// The way to the channels cannot be opened.
    pub fn alarm<'a>(&'a self, active: &'a Active) -> Result<Alarm<'a>, Error> {
        let alerts = &active.config.alerts;
        Ok(Alarm {
            documents: &*self.documents,
            retention: self.settings.incident_retention,
            alerts,
            outside: self.exit.outside(alerts.loopback)?,
            now: &OffsetDateTime::now_utc,
            deadline: Instant::now() + BUDGET,
        })
    }

    fn incidents(&self) -> Incidents<'_> {
        Incidents::new(&*self.documents, self.settings.incident_retention)
    }
}

/// What became of a payload.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AlertAnswer)]
pub struct Answer {
    /// What became of each incident that the payload tells of.
    pub incidents: Vec<Report>,
    /// The messages that a channel took.
    pub delivered: Vec<Sent>,
    /// The incidents that nothing was told of, and why.
    pub suppressed: Vec<Kept>,
    /// The messages that no channel took.
    pub failed: Vec<Unsent>,
}

/// A message that was taken.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AlertSent)]
pub struct Sent {
    /// Of which incident.
    pub incident: String,
    /// By which channel.
    pub channel: String,
}

/// An incident that nothing was told of.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AlertSuppressed)]
pub struct Kept {
    /// Which.
    pub incident: String,
    /// Why.
    pub reason: String,
}

/// A message that its channel did not take.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AlertFailed)]
pub struct Unsent {
    /// Of which incident.
    pub incident: String,
    /// Which channel.
    pub channel: String,
    /// Why.
    pub reason: String,
    /// Whether the outbox holds it and tries again.
    pub stored: bool,
}

impl Answer {
    fn of(incidents: Vec<Report>) -> Self {
        let (mut delivered, mut suppressed, mut failed) = (Vec::new(), Vec::new(), Vec::new());
        for report in &incidents {
            let incident = || report.id.clone();
            suppressed.extend(
                report.suppressed.clone().map(|reason| Kept { incident: incident(), reason }),
            );
            for said in &report.notices {
                let channel = said.channel.clone();
                match said.outcome {
                    Fate::Delivered => delivered.push(Sent { incident: incident(), channel }),
                    fate => failed.push(Unsent {
                        incident: incident(),
                        channel,
                        reason: said.reason.clone().unwrap_or_default(),
                        stored: fate == Fate::Stored,
                    }),
                }
            }
        }
        Self { incidents, delivered, suppressed, failed }
    }

    /// 200 if something was delivered or nothing had to be, 202 if the outbox has it all.
    fn into_answer(self) -> Result<Response, Error> {
        let is_lost = self.failed.iter().any(|failed| !failed.stored);
        if self.delivered.is_empty() && is_lost {
            let Value::Object(more) = serde_json::to_value(&self).unwrap_or_default() else {
                return Err(Error::Panicked);
            };
            return Err(Error::Untold(more));
        }
        let only_stored = self.delivered.is_empty() && !self.failed.is_empty();
        let status = if only_stored { StatusCode::ACCEPTED } else { StatusCode::OK };
        Ok((status, Json(self)).into_response())
    }
}

/// `POST /api/alerts`: takes any payload that tells of a failure, or of its end.
///
/// # Errors
/// `Untold` if no channel and no store took it, `Unusable` without a valid configuration.
pub async fn take(State(app): State<Arc<App>>, body: Body) -> Result<Response, Error> {
    let payload = prefix(body).await;
    let active = app.config.current().await?;
    let alarm = app.alarm(&active)?;
    let mut reports = Vec::new();
    let presumed = &active.config.alerts.presumed;
    for incident in intake::read(&payload, OffsetDateTime::now_utc(), presumed) {
        match alarm.take(incident.clone()).await {
            Ok(told) => reports.extend(told),
            Err(error) => {
                tracing::error!(%error, "an incident cannot be recorded; it is told without");
                reports.push(alarm.tell_unrecorded(&incident).await);
            }
        }
    }
    Answer::of(reports).into_answer()
}

/// As much of a body as is read of an alert. One that breaks off is an alert too.
async fn prefix(body: Body) -> Vec<u8> {
    let (mut payload, mut chunks) = (Vec::new(), body.into_data_stream());
    while let Some(Ok(chunk)) = chunks.next().await {
        let room = intake::LONGEST_PAYLOAD - payload.len();
        payload.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if payload.len() == intake::LONGEST_PAYLOAD {
            break;
        }
    }
    payload
}

/// `POST /api/alerts/preview`: what each kind of channel would get, without sending it.
///
/// # Errors
/// `Unusable` without a valid configuration, or the store's failure.
pub async fn preview(State(app): State<Arc<App>>, body: Body) -> Result<Json<Value>, Error> {
    let payload = prefix(body).await;
    let (active, now) = (app.config.current().await?, OffsetDateTime::now_utc());
    let mut incidents = intake::read(&payload, now, &active.config.alerts.presumed);
    let count = incidents.len();
    let mut incident = incidents.swap_remove(0);
    incident.severity = choose::severity(&active.config.alerts.severities, &incident);
    memory::name(&*app.documents, &mut incident).await?;
    incident.memory = memory::of(&*app.documents, &incident, now).await;
    let base = active.config.alerts.base.as_deref();
    let mut preview = rendered(&incident, base);
    preview["incidents"] = json!(count);
    let wants = active
        .config
        .alerts
        .channels
        .iter()
        .filter(|channel| channel.wants(&incident, super::deliver::channel::Occasion::Opened));
    preview["channels"] = wants.map(|channel| channel.name.clone()).collect();
    Ok(Json(preview))
}

/// An incident as each kind of channel shows it.
pub fn rendered(incident: &Incident, base: Option<&str>) -> Value {
    let kind = match incident.condition {
        Condition::Fired => Kind::Opened,
        Condition::Resolved => Kind::Resolved { after: time::Duration::ZERO },
    };
    let read_at = base.map(|base| format!("{base}/api/alerts/{}", incident.id));
    let (notice, style) = (Notice { incident, kind }, Style { read_at, ..Style::default() });
    let mail = email::mail(&notice, &style);
    json!({
        "incident": incident,
        "teams": teams::message(&notice, &style, teams::Envelope::Message),
        "slack": slack::message(&notice, &style),
        "email": { "subject": mail.subject, "html": mail.html, "text": mail.text },
        "webhook": webhook::body(&notice, &style, None).json,
        "pagerduty": pagerduty::event(&notice, &style),
    })
}

/// What a list of incidents is asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Question {
    status: Option<String>,
    pipeline: Option<String>,
    from: Option<String>,
    to: Option<String>,
}

/// `GET /api/alerts`: the incidents, those first that appeared last.
///
/// # Errors
/// `Fields`, or the store's failure.
pub async fn list(State(app): State<Arc<App>>, uri: Uri) -> Result<Response, Error> {
    let known = ["status", "pipeline", "from", "to", "limit", "continuationToken"];
    let parameters = Parameters::read(&uri, &known)?;
    let text = |name| parameters.text(name).map(str::to_owned);
    let question = Question {
        status: text("status"),
        pipeline: text("pipeline"),
        from: text("from"),
        to: text("to"),
    };
    if question.status.as_deref().is_some_and(|status| !["open", "resolved"].contains(&status)) {
        return Err(Wrong::new("status", "must be open or resolved").into());
    }
    let (from, to) = (parameters.time("from")?, parameters.time("to")?);
    let span = Span::new(from, to, OffsetDateTime::now_utc())?;
    let members = [("status", &question.status), ("pipeline", &question.pipeline)];
    let filters: Vec<_> = members
        .into_iter()
        .filter_map(|(name, value)| Some(Filter::Equals(name, value.as_deref()?)))
        .collect();
    let limit = parameters.limit()?;
    let place = parameters.token().map(|text| token::open(&question, text)).transpose()?;
    let page = app.incidents().list(&filters, span, limit, place).await;
    let (value, next) = page.map_err(token::refused)?;
    let next = next.map(|place| token::seal(&question, place));
    Ok(List::new(value, next).into_response())
}

/// `GET /api/alerts/{id}`: an incident and its course.
///
/// # Errors
/// `NotFound`, or the store's failure.
pub async fn get(
    State(app): State<Arc<App>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<Record>, Error> {
    let id = of(id)?;
    Ok(Json(app.incidents().find(&id).await?.ok_or_else(|| missing(&id))?))
}

fn missing(id: &str) -> Error {
    Error::NotFound(format!("there is no incident {id:?}"))
}

/// Who looks after an incident.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AlertAcknowledgement)]
pub struct Acknowledge {
    /// Who.
    #[schema(min_length = 1, max_length = 128)]
    pub by: String,
    /// What they say.
    #[schema(max_length = 1000)]
    pub note: Option<String>,
}

/// `POST /api/alerts/{id}/acknowledge`: no reminder is sent from then on.
///
/// # Errors
/// `Fields`, `NotFound`, `Conflict` if it is over, or the store's failure.
pub async fn acknowledge(
    State(app): State<Arc<App>>,
    id: Result<Path<String>, PathRejection>,
    body: Body,
) -> Result<Json<Record>, Error> {
    let id = of(id)?;
    let Acknowledge { by, note } = body::typed(body::object(body).await?)?;
    checked("by", &by, 128)?;
    check_text("note", note.as_deref().unwrap_or_default(), 1_000)?;
    let now = OffsetDateTime::now_utc();
    let given = Acknowledgement { by, at: now, note };
    let change = |there: Option<Record>| rules::acknowledged(there?, given.clone());
    match app.incidents().change(&id, now, change).await? {
        Some(record) => Ok(Json(record)),
        None => Err(not_open(&app, &id).await?),
    }
}

/// Why an incident cannot be changed: it is over, or there is none.
async fn not_open(app: &App, id: &str) -> Result<Error, Error> {
    let there = app.incidents().find(id).await?;
    Ok(there.map_or_else(|| missing(id), |record| Error::conflict("it is over", record)))
}

/// `POST /api/alerts/{id}/resolve`: closes it by hand, and tells those who heard of it.
///
/// # Errors
/// `NotFound`, `Conflict` if it is over, or the store's failure.
pub async fn resolve(
    State(app): State<Arc<App>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<Report>, Error> {
    let id = of(id)?;
    let active = app.config.current().await?;
    match app.alarm(&active)?.end(&id).await? {
        Some(report) => Ok(Json(report)),
        None => Err(not_open(&app, &id).await?),
    }
}

/// A silence to make.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = SilenceDraft)]
pub struct Draft {
    /// The incidents that are not told of.
    pub when: Matchers,
    /// Who silences them.
    #[schema(min_length = 1, max_length = 128)]
    pub author: String,
    /// Why.
    #[schema(min_length = 1, max_length = 1000)]
    pub reason: String,
    /// From when on; now, if nothing is said.
    #[schema(format = DateTime)]
    pub starts_at: Option<String>,
    /// Until when.
    #[schema(format = DateTime)]
    pub ends_at: String,
}

impl Draft {
    fn silence(self, now: OffsetDateTime) -> Result<Silence, Error> {
        checked("author", &self.author, 128)?;
        checked("reason", &self.reason, 1_000)?;
        patterns(&self.when)?;
        let time = |field: &'static str, text: &str| {
            read_time(text).map_err(|reason| Wrong::new(field, reason))
        };
        let starts_at = self.starts_at.as_deref().map(|text| time("startsAt", text)).transpose()?;
        let starts_at = starts_at.unwrap_or(now);
        let ends_at = time("endsAt", &self.ends_at)?;
        if ends_at <= starts_at.max(now) {
            return Err(Wrong::new("endsAt", "must be in the future and after startsAt").into());
        }
        if ends_at - now > time::Duration::days(LONGEST_SILENCE) {
            let reason = format!("must be at most {LONGEST_SILENCE} days from now");
            return Err(Wrong::new("endsAt", reason).into());
        }
        let id = Uuid::new_v4().simple().to_string();
        let Self { when, author, reason, .. } = self;
        Ok(Silence { id, when, author, reason, starts_at, ends_at })
    }
}

fn checked(field: &'static str, text: &str, longest: usize) -> Result<(), Wrong> {
    if text.trim().is_empty() {
        return Err(Wrong::new(field, "is empty"));
    }
    check_text(field, text, longest)
}

fn patterns(when: &Matchers) -> Result<(), Wrong> {
    if when.rule().is_empty() {
        let reason = "is empty and would silence everything; for that, say {\"severity\": [\"info\", \"warning\", \"error\", \"critical\"]}";
        return Err(Wrong::new("when", reason));
    }
    let lists = [&when.pipeline, &when.table, &when.owner, &when.code, &when.environment];
    let all: Vec<&String> = lists.into_iter().flatten().collect();
    if all.len() + when.severity.len() > MOST_PATTERNS {
        return Err(Wrong::new("when", format!("has more than {MOST_PATTERNS} patterns")));
    }
    all.into_iter().try_for_each(|pattern| check_text("when", pattern, LONGEST_PATTERN))
}

/// `POST /api/alerts/silences`: for a time, some incidents are not told of.
///
/// # Errors
/// `Fields`, or the store's failure.
pub async fn silence(
    State(app): State<Arc<App>>,
    body: Body,
) -> Result<(StatusCode, Json<Silence>), Error> {
    let draft: Draft = body::typed(body::object(body).await?)?;
    let now = OffsetDateTime::now_utc();
    let silence = draft.silence(now)?;
    Silences(&*app.documents).write(&silence, now).await?;
    let until = write_time(silence.ends_at);
    tracing::info!(silence.author = silence.author, silence.until = until, "alerts are silenced");
    Ok((StatusCode::CREATED, Json(silence)))
}

/// `GET /api/alerts/silences`: those that have not ended.
///
/// # Errors
/// The store's failure.
pub async fn silences(State(app): State<Arc<App>>) -> Result<List<Silence>, Error> {
    Ok(List::new(Silences(&*app.documents).all().await?, None))
}

/// `DELETE /api/alerts/silences/{id}`, and `POST …/end` for those who cannot send that.
///
/// # Errors
/// `NotFound`, or the store's failure.
pub async fn end_silence(
    State(app): State<Arc<App>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<Value>, Error> {
    let id = of(id)?;
    match Silences(&*app.documents).end(&id).await? {
        true => Ok(Json(json!({ "id": id, "ended": true }))),
        false => Err(Error::NotFound(format!("there is no silence {id:?}"))),
    }
}
