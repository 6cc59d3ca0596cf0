//! From a report to the people: it is recorded, then told to the channels that want to hear it; what
//! no channel takes goes into the outbox.
//!
//! The order makes a repeat harmless: the record first, with the right to tell of it; then the
//! message, under a name that every try for it has; then what became of it. A worker that dies in
//! between is followed by the next one when its right ends.

use std::{
    fmt,
    time::{Duration, Instant},
};

use futures::future::join_all;
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    choose,
    course::{
        record::{Claim, Fate, Record, Said, Spacing, Status},
        rules::{self, Due},
        store::{Incidents, Outbox, PATIENCE, Parcel, Saying, Silences},
    },
    deliver::{
        Message, Outcome, Outside, Sender,
        channel::{Channel, Occasion, Target},
    },
    fingerprint,
    incident::{Condition, Incident, Severity},
    mask::masked,
    memory,
    render::{
        email,
        notice::{Kind, Notice, Style},
        pagerduty, slack, teams,
        webhook::{self, Template},
    },
};
use crate::{
    config::Alerts,
    metadata::http::time::write_time,
    stores::{
        StoreError,
        documents::{Document, Documents},
    },
};

/// How long a report may take: less than the minute that a Web activity waits.
pub const BUDGET: Duration = Duration::from_secs(45);

/// What telling works with, for one invocation.
#[derive(Clone)]
pub struct Alarm<'a> {
    /// Where incidents are kept.
    pub documents: &'a dyn Documents,
    /// How long, after their last change.
    pub retention: Duration,
    /// What is said of alerts.
    pub alerts: &'a Alerts,
    /// The way to the channels.
    pub outside: Outside,
    /// The clock.
    pub now: &'a (dyn Fn() -> OffsetDateTime + Send + Sync),
    /// When no further try is begun.
    pub deadline: Instant,
}

/// What became of one report.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AlertReport)]
pub struct Report {
    /// The incident's id.
    pub id: String,
    /// Where the incident stands.
    pub status: Status,
    /// How bad it is.
    pub severity: Severity,
    /// What it is about.
    pub title: String,
    /// What was told, if anything was.
    pub occasion: Option<Occasion>,
    /// What became of the message to each channel.
    pub notices: Vec<Said>,
    /// Why nothing was told, if nothing was.
    pub suppressed: Option<String>,
}

impl Report {
    fn silent(record: &Record, reason: impl Into<String>) -> Self {
        Self { suppressed: Some(reason.into()), ..Self::of(record) }
    }

    fn of(record: &Record) -> Self {
        Self {
            id: record.id.clone(),
            status: record.status,
            severity: record.incident.severity,
            title: record.incident.title.clone(),
            occasion: None,
            notices: Vec::new(),
            suppressed: None,
        }
    }
}

impl fmt::Debug for Alarm<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alarm").field("alerts", &self.alerts).finish_non_exhaustive()
    }
}

impl Alarm<'_> {
    fn incidents(&self) -> Incidents<'_> {
        Incidents::new(self.documents, self.retention)
    }

    fn spacing(&self) -> Spacing {
        Spacing { window: self.alerts.window, repeat: self.alerts.repeat }
    }

    /// Takes a report, whatever it says.
    ///
    /// # Errors
    /// The store's failure, when nothing was told.
    pub async fn take(&self, mut incident: Incident) -> Result<Vec<Report>, StoreError> {
        if incident.condition == Condition::Resolved {
            return self.over(&incident).await;
        }
        incident.severity = choose::severity(&self.alerts.severities, &incident);
        memory::name(self.documents, &mut incident).await?;
        if let Some(run) = fingerprint::run(&incident) {
            incident.id = self.incidents().join(&run, &incident.id).await?;
        }
        let record = self.fired(&incident).await?;
        Ok(vec![self.tell(record, &incident).await?])
    }

    /// Tells of an incident that cannot be recorded, to everyone who wants to hear of it: rather
    /// twice than never. Whether a channel took it.
    pub async fn tell_unrecorded(&self, incident: &Incident) -> Report {
        let record = rules::fired(None, incident.clone(), (self.now)());
        let saying = saying(&record, Occasion::Opened, 0);
        let notices = self.send_to_all(&saying, &rules::key(&record)).await;
        Report { occasion: Some(Occasion::Opened), notices, ..Report::of(&record) }
    }

    async fn fired(&self, incident: &Incident) -> Result<Record, StoreError> {
        let now = (self.now)();
        let change = |there| Some(rules::fired(there, incident.clone(), now));
        let record = self.incidents().change(&incident.id, now, change).await?;
        Ok(record.unwrap_or_else(|| rules::fired(None, incident.clone(), now)))
    }

    /// Tells what there is to tell of a record, unless something stands against it.
    async fn tell(&self, record: Record, latest: &Incident) -> Result<Report, StoreError> {
        match rules::due(&record, (self.now)()) {
            Due::Nothing => Ok(Report::silent(&record, "there is nothing new to tell")),
            Due::Claimed => Ok(Report::silent(&record, "another worker is about to tell of it")),
            Due::Gathered(until) => {
                let until = write_time(until);
                Ok(Report::silent(
                    &record,
                    format!("it was told; what follows is summed up at {until}"),
                ))
            }
            Due::Now(_) => match self.muted(&record, latest).await? {
                Some(reason) => Ok(Report::silent(&record, reason)),
                None => self.claim_and_say(record).await,
            },
        }
    }

    /// Why an incident is not told of now.
    async fn muted(
        &self,
        record: &Record,
        latest: &Incident,
    ) -> Result<Option<String>, StoreError> {
        let now = (self.now)();
        // What was told of is also told when it is over.
        if record.status == Status::Resolved && record.told.opened.is_some() {
            return Ok(None);
        }
        let silences = Silences(self.documents).all().await?;
        if let Some(silence) = silences.iter().find(|silence| silence.covers(latest, now)) {
            let until = write_time(silence.ends_at);
            let author = &silence.author;
            return Ok(Some(format!("{author} silenced it until {until}: {}", silence.reason)));
        }
        if self.alerts.inhibitions.is_empty() {
            return Ok(None);
        }
        let open = self.incidents().pending(None, now).await?;
        let mutes = |source: &&Record| {
            source.status == Status::Open
                && self.alerts.inhibitions.iter().any(|it| it.mutes(&source.incident, latest))
        };
        let source = open.iter().find(mutes);
        Ok(source.map(|source| format!("it follows from the incident {}", source.id)))
    }

    async fn claim_and_say(&self, record: Record) -> Result<Report, StoreError> {
        let (now, me) = ((self.now)(), Uuid::new_v4().simple().to_string());
        let change = |there: Option<Record>| {
            let there = there?;
            match rules::due(&there, now) {
                Due::Now(occasion) => Some(rules::claim(there, occasion, &me, now)),
                _ => None,
            }
        };
        let claimed = self.incidents().change(&record.id, now, change).await?;
        let Some((record, claim)) = claimed.and_then(|it| it.told.claim.clone().map(|c| (it, c)))
        else {
            return Ok(Report::silent(&record, "another worker told of it"));
        };
        let mut saying = saying(&record, claim.occasion, claim.unsaid);
        saying.incident.memory = memory::of(self.documents, &saying.incident, now).await;
        let notices = self.send_to_all(&saying, &rules::key(&record)).await;
        self.settle(&record.id, &claim, &notices).await?;
        let suppressed = notices.is_empty().then(|| "no channel wants to hear of it".to_owned());
        Ok(Report { occasion: Some(claim.occasion), notices, suppressed, ..Report::of(&record) })
    }

    async fn settle(&self, id: &str, claim: &Claim, notices: &[Said]) -> Result<(), StoreError> {
        let (now, spacing) = ((self.now)(), self.spacing());
        let change = |there: Option<Record>| {
            Some(rules::said(there?, claim, notices.to_vec(), &spacing, now))
        };
        self.incidents().change(id, now, change).await.map(drop)
    }

    /// Sends a message to every channel that wants it.
    async fn send_to_all(&self, saying: &Saying, key: &str) -> Vec<Said> {
        let wants = |channel: &&Channel| channel.wants(&saying.incident, saying.occasion);
        let channels = self.alerts.channels.iter().filter(wants);
        join_all(channels.map(|channel| self.deliver(channel, saying, key))).await
    }

    async fn deliver(&self, channel: &Channel, saying: &Saying, key: &str) -> Said {
        let outcome = self.try_once(channel, saying, key, self.deadline).await;
        let said = |outcome, reason| Said {
            at: (self.now)(),
            occasion: saying.occasion,
            channel: channel.name.clone(),
            outcome,
            reason,
        };
        let Some((reason, after)) = failure(&outcome) else { return said(Fate::Delivered, None) };
        let parcel = Parcel {
            channel: channel.name.clone(),
            key: key.to_owned(),
            saying: saying.clone(),
            attempts: 1,
            next_at: write_time((self.now)() + after.unwrap_or(backoff(1))),
            until: write_time((self.now)() + PATIENCE),
            reason: reason.clone(),
        };
        let fate = match Outbox(self.documents).store(&parcel).await {
            Ok(()) => Fate::Stored,
            Err(error) => {
                tracing::error!(%error, alert.channel = channel.name, "a message cannot be kept");
                Fate::Failed
            }
        };
        tracing::warn!(
            alert.channel = channel.name,
            alert.reason = reason,
            "a channel did not take a message"
        );
        said(fate, Some(reason))
    }

    /// Sends a message to one channel, with the tries that the time allows.
    pub async fn try_once(
        &self,
        channel: &Channel,
        saying: &Saying,
        key: &str,
        deadline: Instant,
    ) -> Outcome {
        let message = message(channel, &notice(saying), self.alerts.base.as_deref());
        match Sender::new(channel.clone(), self.outside.clone()) {
            Ok(sender) => sender.send(&message, key, deadline).await,
            Err(reason) => Outcome::Refused(reason),
        }
    }

    /// Closes what a report says is over: the incident of its id, and after a success of a pipeline
    /// all that are open of it.
    async fn over(&self, incident: &Incident) -> Result<Vec<Report>, StoreError> {
        let mut reports = Vec::new();
        let run = fingerprint::run(incident);
        let joined = match &run {
            Some(run) => self.incidents().joined(run).await?,
            None => None,
        };
        reports.extend(self.end(joined.as_ref().unwrap_or(&incident.id)).await?);
        let is_success = incident.shape != "azureMonitor" && incident.severity == Severity::Info;
        if let Some(pipeline) = incident.pipeline.as_deref().filter(|_| is_success) {
            let factory = incident.factory.as_ref().map(|factory| factory.name.as_str());
            reports.extend(self.succeeded(pipeline, factory).await?);
        }
        if reports.is_empty() {
            let record = rules::fired(None, incident.clone(), (self.now)());
            let report = Report::silent(&record, "nothing of it is open");
            reports.push(Report { status: Status::Resolved, ..report });
        }
        Ok(reports)
    }

    /// Closes the open incidents of a pipeline that has succeeded.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn succeeded(
        &self,
        pipeline: &str,
        factory: Option<&str>,
    ) -> Result<Vec<Report>, StoreError> {
        let mut reports = Vec::new();
        for record in self.incidents().pending(Some(pipeline), (self.now)()).await? {
            let its = record.incident.factory.as_ref().map(|factory| factory.name.as_str());
            let same = its.zip(factory).is_none_or(|(its, other)| its.eq_ignore_ascii_case(other));
            if !same || record.status == Status::Resolved {
                continue;
            }
            reports.extend(self.end(&record.id).await?);
        }
        Ok(reports)
    }

    /// The open incidents of one shape.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn open(&self, shape: &str) -> Result<Vec<Record>, StoreError> {
        let mut open = self.incidents().pending(None, (self.now)()).await?;
        open.retain(|it| it.status == Status::Open && it.incident.shape == shape);
        Ok(open)
    }

    /// Closes an incident and tells of it; `None` if it is not open.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn end(&self, id: &str) -> Result<Option<Report>, StoreError> {
        let Some(record) = self.close(id).await? else { return Ok(None) };
        let latest = record.incident.clone();
        self.tell(record, &latest).await.map(Some)
    }

    async fn close(&self, id: &str) -> Result<Option<Record>, StoreError> {
        let now = (self.now)();
        self.incidents().change(id, now, |there| rules::resolved(there?, now)).await
    }

    /// Says what has become due meanwhile, and empties the outbox as far as its channels take it.
    /// One line for each thing that was done.
    pub async fn drain(&self) -> Vec<String> {
        let mut lines = Vec::new();
        match self.incidents().pending(None, (self.now)()).await {
            Ok(records) => {
                for record in records {
                    if Instant::now() >= self.deadline {
                        return lines;
                    }
                    lines.extend(self.follow(record).await);
                }
            }
            Err(error) => tracing::error!(%error, "open incidents cannot be read"),
        }
        lines.extend(self.empty_outbox().await);
        lines
    }

    async fn follow(&self, record: Record) -> Option<String> {
        if !matches!(rules::due(&record, (self.now)()), Due::Now(_)) {
            return None;
        }
        let latest = record.incident.clone();
        match self.tell(record, &latest).await {
            Ok(report) if report.occasion.is_some() => {
                Some(format!("{}: told of {}", report.id, report.title))
            }
            Ok(_) => None,
            Err(error) => {
                tracing::error!(%error, "an incident cannot be told of; the next drain tries again");
                None
            }
        }
    }

    async fn empty_outbox(&self) -> Vec<String> {
        let outbox = Outbox(self.documents);
        let mut lines = Vec::new();
        let parcels = match outbox.due((self.now)(), 50).await {
            Ok(parcels) => parcels,
            Err(error) => {
                tracing::error!(%error, "the outbox cannot be read");
                return lines;
            }
        };
        for parcel in parcels {
            if Instant::now() >= self.deadline {
                break;
            }
            match self.send_again(&outbox, parcel).await {
                Ok(line) => lines.extend(line),
                Err(error) => tracing::error!(%error, "the outbox cannot be written"),
            }
        }
        lines
    }

    async fn send_again(
        &self,
        outbox: &Outbox<'_>,
        mut parcel: Document<Parcel>,
    ) -> Result<Option<String>, StoreError> {
        let now = (self.now)();
        let name = parcel.body.channel.clone();
        // First put off, so that no other worker sends it meanwhile.
        parcel.body.attempts += 1;
        parcel.body.next_at = write_time(now + backoff(parcel.body.attempts));
        if !outbox.put_off(&mut parcel).await? {
            return Ok(None);
        }
        let key = parcel.body.key.clone();
        let channel = self.alerts.channels.iter().find(|channel| channel.name == name);
        let failed = match channel {
            Some(channel) => {
                let deadline = self.deadline.min(Instant::now() + Duration::from_secs(30));
                failure(&self.try_once(channel, &parcel.body.saying, &key, deadline).await)
            }
            None => Some(("there is no such channel any more".to_owned(), None)),
        };
        let Some((reason, after)) = failed else {
            outbox.remove(&parcel).await?;
            return Ok(Some(format!("{key}: {name} took it at try {}", parcel.body.attempts)));
        };
        if channel.is_none() || parcel.body.until <= write_time(now) {
            tracing::error!(
                alert.channel = name,
                alert.key = key,
                alert.reason = reason,
                "a message is given up"
            );
            outbox.remove(&parcel).await?;
            return Ok(Some(format!("{key}: given up for {name}: {reason}")));
        }
        parcel.body.reason = reason;
        if let Some(after) = after {
            parcel.body.next_at = write_time(now + after);
        }
        outbox.put_off(&mut parcel).await?;
        Ok(None)
    }
}

/// Why a message was not taken, and how long its channel asks to wait; `None` if it was.
fn failure(outcome: &Outcome) -> Option<(String, Option<Duration>)> {
    let (reason, after) = match outcome {
        Outcome::Accepted => return None,
        Outcome::Retry { after, reason } => (reason, *after),
        Outcome::Ambiguous(reason) | Outcome::Refused(reason) => (reason, None),
    };
    let longest = Duration::from_secs(6 * 3600);
    Some((masked(reason), after.map(|after| after.min(longest))))
}

/// How long the outbox waits before the next try: a minute, then twice as long each time, at most an
/// hour.
fn backoff(attempts: u32) -> Duration {
    Duration::from_secs(60 << attempts.saturating_sub(1).min(6)).min(Duration::from_secs(3600))
}

fn saying(record: &Record, occasion: Occasion, count: u64) -> Saying {
    Saying {
        incident: record.incident.clone(),
        occasion,
        opened_at: record.opened_at,
        resolved_at: record.resolved_at,
        count,
        examples: if occasion == Occasion::Summary { record.examples.clone() } else { Vec::new() },
    }
}

fn notice(saying: &Saying) -> Notice<'_> {
    let kind = match saying.occasion {
        Occasion::Opened => Kind::Opened,
        Occasion::Reminder => Kind::Reminder { since: saying.opened_at },
        Occasion::Summary => Kind::Summary {
            count: usize::try_from(saying.count).unwrap_or(usize::MAX),
            examples: saying.examples.iter().collect(),
        },
        Occasion::Resolved => Kind::Resolved {
            after: saying.resolved_at.unwrap_or(saying.opened_at) - saying.opened_at,
        },
    };
    Notice { incident: &saying.incident, kind }
}

/// A notice as a channel takes it.
pub fn message(channel: &Channel, notice: &Notice<'_>, base: Option<&str>) -> Message {
    let style = Style {
        include_message: channel.include_message,
        zone: channel.zone.clone(),
        read_at: base.map(|base| format!("{base}/api/alerts/{}", notice.incident.id)),
    };
    match &channel.target {
        Target::Teams { envelope, .. } => Message::Json(teams::message(notice, &style, *envelope)),
        Target::Slack { .. } => Message::Json(slack::message(notice, &style)),
        Target::PagerDuty { .. } => Message::Json(pagerduty::event(notice, &style)),
        Target::Email(_) => Message::Mail(email::mail(notice, &style)),
        Target::Webhook(webhook) => {
            let template = webhook.template.as_deref().and_then(|text| Template::new(text).ok());
            let body = webhook::body(notice, &style, template.as_ref());
            if let Some(problem) = &body.problem {
                tracing::warn!(alert.channel = channel.name, %problem, "the template cannot be used");
            }
            let body = body.json.to_string().into_bytes();
            Message::Raw { content_type: "application/json; charset=utf-8".to_owned(), body }
        }
    }
}
