//! Reading `[[route]]`.

use std::collections::BTreeMap;

use super::{
    Landing, Surroundings, check_target, is_original, policies,
    section::{Found, Problems, Section},
};
use crate::{
    encryption::policy::Policy,
    routing::{
        pattern::Pattern,
        route::{Action, Completion, OnConflict, Protect, Route, When},
        template::Template,
    },
    settings::Connection,
};

/// The access tiers of block blobs.
const TIERS: [(&str, &str); 4] =
    [("Hot", "Hot"), ("Cool", "Cool"), ("Cold", "Cold"), ("Archive", "Archive")];

/// What routes may name.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) landing: &'a Landing,
    pub(super) accounts: &'a BTreeMap<String, Connection>,
    pub(super) policies: &'a BTreeMap<String, Policy>,
}

/// Reads `[[route]]`, in order.
pub(super) fn read(
    sections: Vec<Section<'_>>,
    known: &Known<'_>,
    around: &Surroundings<'_>,
    problems: &Problems<'_>,
) -> Vec<Route> {
    let mut routes: Vec<Route> = Vec::new();
    for section in sections {
        let at = section.at().clone();
        let Some(route) = RouteReader { section: &section, known, around, problems }.read() else {
            section.finish();
            continue;
        };
        section.finish();
        if routes.iter().any(|other| other.name == route.name) {
            problems.add(&at, format!("the route `{}` is named twice", route.name));
        }
        routes.push(route);
    }
    routes
}

struct RouteReader<'a> {
    section: &'a Section<'a>,
    known: &'a Known<'a>,
    around: &'a Surroundings<'a>,
    problems: &'a Problems<'a>,
}

impl RouteReader<'_> {
    fn read(&self) -> Option<Route> {
        let name = self.name();
        let from = self.from();
        let captures = from.as_ref().map_or(&[][..], Pattern::names);
        let to = self.to(captures);
        let tags = self.tags(captures);
        let when = self.when();
        let to_account = self.to_account();
        let action = self.section.choice(
            "action",
            &[("move", Action::Move), ("copy", Action::Copy)],
            Action::Move,
        );
        let on_conflict = self.on_conflict(to.as_ref());
        let tier = self.section.choice("tier", &TIERS.map(|(word, tier)| (word, Some(tier))), None);
        let complete = self.complete(from.as_ref(), action);
        let protect = self.protect(captures, action);
        Some(Route {
            name: name?,
            from: from?,
            when,
            to: to?,
            to_account,
            action,
            tier: tier.map(str::to_owned),
            tags,
            on_conflict,
            complete,
            protect,
        })
    }

    fn name(&self) -> Option<String> {
        let name = self.section.required("name", "invoices")?;
        let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
        if name.get_ref().is_empty() || !name.get_ref().chars().all(word) {
            self.problems.add(
                &name.span(),
                "a route's name is made of lower-case letters, digits, `-` and `_`",
            );
            return None;
        }
        Some(name.into_inner())
    }

    fn from(&self) -> Option<Pattern> {
        let text = self.section.required("from", "landing/{dataset}/{file...}")?;
        let pattern = self.problems.parse(&text, Pattern::parse)?;
        if let Some(container) = pattern.container()
            && !self.known.landing.containers.iter().any(|landing| landing == container)
        {
            let known = self.known.landing.containers.join(", ");
            self.problems.add(
                &text.span(),
                format!("`{container}` is no landing container; [landing] names {known}"),
            );
        }
        Some(pattern)
    }

    fn to(&self, captures: &[String]) -> Option<Template> {
        let text = self.section.required("to", "processing/{dataset}/{file}")?;
        let template = self.problems.parse(&text, |text| Template::parse(text, captures))?;
        check_target(&template, &text, &self.known.landing.containers, self.around, self.problems);
        Some(template)
    }

    fn to_account(&self) -> Option<String> {
        let account = self.section.text("to_account")?;
        if !self.known.accounts.contains_key(account.get_ref()) {
            self.problems.add(
                &account.span(),
                format!("there is no [[account]] named `{}`", account.get_ref()),
            );
        }
        Some(account.into_inner())
    }

    fn tags(&self, captures: &[String]) -> BTreeMap<String, Template> {
        let tags = self.section.map("tags");
        if tags.len() > 10 {
            self.section.problem("a blob takes at most 10 tags");
        }
        let parse = |(name, text): (String, Found<String>)| {
            let template = self.problems.parse(&text, |text| Template::parse(text, captures))?;
            Some((name, template))
        };
        tags.into_iter().filter_map(parse).collect()
    }

    fn when(&self) -> When {
        let Some(section) = self.section.table("when") else { return When::default() };
        let inner = |found: Vec<Found<String>>| -> Vec<String> {
            found.into_iter().map(|text| text.into_inner()).collect()
        };
        let extension = inner(section.texts("extension"));
        let when = When {
            extension: extension
                .iter()
                .map(|text| text.trim_start_matches('.').to_owned())
                .collect(),
            min_size: section.size("min_size"),
            max_size: section.size("max_size"),
            content_type: inner(section.texts("content_type")),
            metadata: section
                .map("metadata")
                .into_iter()
                .map(|(k, v)| (k, v.into_inner()))
                .collect(),
        };
        section.finish();
        when
    }

    fn on_conflict(&self, to: Option<&Template>) -> OnConflict {
        let choices = [
            ("fail", OnConflict::Fail),
            ("replace", OnConflict::Replace),
            ("version", OnConflict::Version),
        ];
        let chosen = self.section.choice("on_conflict", &choices, OnConflict::Fail);
        if chosen == OnConflict::Replace && to.is_some_and(|to| is_original(to.text())) {
            self.section.problem(
                "an `Original/` is never overwritten: use on_conflict = \"version\" or \"fail\"",
            );
        }
        chosen
    }

    fn protect(&self, captures: &[String], action: Action) -> Option<Protect> {
        let csv = policies::csv(self.section.table("csv"));
        let original = self.original(captures);
        let Some(name) = self.section.text("protect") else {
            if original.is_some() {
                self.section.problem("`original` is for routes with `protect`");
            }
            return None;
        };
        if original.is_some() && action == Action::Copy {
            self.section.problem("`original` keeps what moves away; here the source stays");
        }
        let policy = self.known.policies.get(name.get_ref());
        if policy.is_none() {
            let message = format!("there is no [[policy]] named `{}`", name.get_ref());
            self.problems.add(&name.span(), message);
        }
        Some(Protect { policy: policy?.clone(), csv, original })
    }

    fn original(&self, captures: &[String]) -> Option<Template> {
        let text = self.section.text("original")?;
        let template = self.problems.parse(&text, |text| Template::parse(text, captures))?;
        check_target(&template, &text, &self.known.landing.containers, self.around, self.problems);
        Some(template)
    }

    fn complete(&self, from: Option<&Pattern>, action: Action) -> Option<Completion> {
        let settle = self.section.span("settle");
        let (freshness, slo) = (self.section.span("freshness"), self.section.part("slo"));
        let Some(marker) = self.section.text("complete") else {
            if freshness.is_some() || slo.is_some() {
                self.section.problem("`freshness` and `slo` are for routes with `complete`");
            }
            return None;
        };
        if marker.get_ref().is_empty() {
            self.problems.add(
                &marker.span(),
                "`complete` is the end of the marker's name, such as \".done\"",
            );
        }
        if from.is_some_and(|from| !from.ends_open()) {
            self.section.problem("a dataset's `from` must end in an open capture, such as `landing/{dataset}/{file...}`");
        }
        if action == Action::Copy {
            self.section
                .problem("a dataset's files move: leave `action` out, or leave `complete` out");
        }
        Some(Completion {
            marker: marker.into_inner(),
            settle: settle.unwrap_or(self.known.landing.settle),
            freshness,
            slo,
        })
    }
}
