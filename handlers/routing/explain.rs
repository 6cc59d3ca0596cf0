//! Why a name goes where it goes, for `lakehand check NAME`.

use std::fmt;

use time::OffsetDateTime;

use super::{
    pattern::Captures,
    route::{Action, Route},
    template::Facts,
};
use crate::{
    config::Config,
    stores::{
        ETag,
        blobs::{BlobPath, CopyState, Properties},
    },
};

/// What the routes make of a name.
#[derive(Debug)]
pub struct Explanation {
    /// The name.
    pub path: BlobPath,
    /// The routes before the one that takes it, and why they do not.
    pub refusals: Vec<(String, String)>,
    /// The route that takes it.
    pub taken: Option<Taken>,
    /// Whether files land in its container at all.
    pub lands: bool,
}

/// The route that takes a name.
#[derive(Debug)]
pub struct Taken {
    /// Its name.
    pub route: String,
    /// What each capture holds.
    pub captures: Captures,
    /// Where the blob would go if it landed now, or why it cannot.
    pub destination: Result<BlobPath, String>,
    /// What it waits for, when the route collects datasets.
    pub waits: Option<String>,
    /// What else the route does with it, a phrase each.
    pub deeds: Vec<String>,
}

/// Tries every route on a name as if a blob with these properties landed at `now`.
pub fn explain(config: &Config, path: &BlobPath, properties: &Properties) -> Explanation {
    let mut refusals = Vec::new();
    let mut taken = None;
    for route in &config.routes {
        match route.take(path, properties) {
            Err(mismatch) => refusals.push((route.name.clone(), mismatch.to_string())),
            Ok(captures) => {
                let facts = Facts {
                    captures: &captures,
                    source: path,
                    etag: &properties.etag,
                    landed: properties.last_modified,
                };
                let destination = route.to.destination(&facts).map_err(|error| error.to_string());
                let destination = destination.and_then(|to| config.allows_target(to));
                let waits = route.complete.as_ref().filter(|_| !route.is_marker(path));
                let waits =
                    waits.map(|complete| format!("a marker that ends in `{}`", complete.marker));
                let deeds = deeds(route, &facts);
                taken =
                    Some(Taken { route: route.name.clone(), captures, destination, waits, deeds });
                break;
            }
        }
    }
    let lands = config.is_landing(path.container());
    Explanation { path: path.clone(), refusals, taken, lands }
}

/// What a route does beside the move, in the order of its effects.
fn deeds(route: &Route, facts: &Facts<'_>) -> Vec<String> {
    let protect = route.protection(facts.source).map(|protect| {
        let original = protect.original.as_ref().map(|original| original.render(facts));
        let kept = original.map_or_else(|| "nowhere".to_owned(), |place| format!("in {place}"));
        format!("protected by policy {}, its plaintext kept {kept}", protect.policy.name)
    });
    let account = route.to_account.as_ref().map(|name| format!("to account {name}"));
    let tier = route.tier.as_ref().map(|tier| format!("in tier {tier}"));
    let tags =
        route.tags.iter().map(|(name, value)| format!("tagged {name} = {}", value.render(facts)));
    let stays = (route.action == Action::Copy).then(|| "also stays where it landed".to_owned());
    protect.into_iter().chain(account).chain(tier).chain(tags).chain(stays).collect()
}

/// The properties of a blob that nobody has seen, landing now.
pub fn imagined(length: u64, content_type: Option<String>, now: OffsetDateTime) -> Properties {
    Properties {
        etag: ETag::new("example"),
        length,
        last_modified: now,
        content_type,
        content_md5: None,
        metadata: Default::default(),
        tier: None,
        copy: Some(CopyState::Success),
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.path)?;
        if !self.lands {
            writeln!(f, "  is ignored: `{}` is not a landing container", self.path.container())?;
            return Ok(());
        }
        for (route, reason) in &self.refusals {
            writeln!(f, "  not {route}: {reason}")?;
        }
        match &self.taken {
            None => writeln!(f, "  no route takes it: it goes to the quarantine"),
            Some(taken) => write!(f, "{taken}"),
        }
    }
}

impl fmt::Display for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  route {} takes it", self.route)?;
        for (name, value) in &self.captures {
            writeln!(f, "    {{{name}}} = {value}")?;
        }
        if let Some(waits) = &self.waits {
            writeln!(f, "    it waits for {waits}")?;
        }
        match &self.destination {
            Ok(destination) => {
                writeln!(f, "    -> {destination}")?;
                self.deeds.iter().try_for_each(|deed| writeln!(f, "       {deed}"))
            }
            Err(reason) => writeln!(f, "    goes to the quarantine: {reason}"),
        }
    }
}
