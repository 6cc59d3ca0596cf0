//! Mail: HTML for those who see it, text for all others.
//!
//! The HTML is a table with styles in its elements and without colours for text on the reader's
//! own ground, since mail programs drop style sheets, and turn colours around in the dark.

use super::{
    super::incident::{Help, Severity},
    notice::{Notice, Style},
    outline::Outline,
    text,
};

/// How many characters of the whole text of an error are shown.
const RAW: usize = 8_000;

/// How many characters of a cause are shown.
const CAUSE: usize = 4_000;

/// The longest subject, in characters.
const SUBJECT: usize = 150;

/// A mail, but for its sender and its readers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// One line of at most 150 characters, not yet encoded for a header.
    pub subject: String,
    /// A whole HTML document.
    pub html: String,
    /// The same as plain text.
    pub text: String,
}

/// The mail that says this.
pub fn mail(notice: &Notice<'_>, style: &Style) -> Mail {
    let mut outline = Outline::new(notice, style);
    outline.cause = outline.cause.map(|cause| text::cut(&cause, CAUSE));
    outline.raw = outline.raw.map(|raw| text::cut(&raw, RAW));
    Mail {
        subject: text::line(&format!("[{}] {}", outline.word, outline.title), SUBJECT),
        html: html(&outline),
        text: plain(&outline),
    }
}

fn colour(outline: &Outline) -> &'static str {
    match outline.severity {
        _ if outline.resolved => "#107c41",
        Severity::Info => "#4a5a6a",
        Severity::Warning => "#8a5a00",
        Severity::Error => "#b3261e",
        Severity::Critical => "#7a0019",
    }
}

fn html(outline: &Outline) -> String {
    let escape = text::html;
    let (title, word, colour) = (escape(&outline.title), escape(outline.word), colour(outline));
    let body: String = sections(outline).concat();
    format!(
        r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
</head>
<body style="margin:0;padding:16px;font-family:'Segoe UI',Helvetica,Arial,sans-serif;font-size:14px;line-height:1.45">
<table role="presentation" cellpadding="0" cellspacing="0" style="width:100%;max-width:680px;margin:0 auto;border:1px solid #8886;border-radius:6px;border-collapse:separate;table-layout:fixed">
<tr><td style="padding:14px 18px;background:{colour};color:#ffffff;border-radius:5px 5px 0 0;overflow-wrap:anywhere"><div style="font-size:12px;text-transform:uppercase;letter-spacing:1px">{word}</div><div style="font-size:18px;font-weight:600">{title}</div></td></tr>
{body}</table>
</body>
</html>
"#
    )
}

fn sections(outline: &Outline) -> Vec<String> {
    let paragraph = |text: &String| section("", &format!("<div>{}</div>", text::html(text)));
    [
        outline.lead.as_ref().map(paragraph),
        outline.cause.as_ref().map(|cause| section("What went wrong", &message(cause))),
        outline.elsewhere.as_ref().map(paragraph),
        outline.help.as_ref().map(help),
        list(&outline.examples).map(|list| section("Also", &list)),
        rows(&outline.rows),
        links(&outline.links),
        outline.raw.as_ref().map(|raw| section("The whole message", &message(raw))),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A part of the mail. The heading is ours; what is below it is escaped already.
fn section(heading: &str, html: &str) -> String {
    let heading = match heading {
        "" => String::new(),
        heading => format!(
            r#"<div style="font-size:12px;font-weight:600;opacity:.7;margin-bottom:4px">{heading}</div>"#
        ),
    };
    format!(
        "<tr><td style=\"padding:12px 18px;border-top:1px solid #8883;overflow-wrap:anywhere\">{heading}{html}</td></tr>\n"
    )
}

fn message(message: &str) -> String {
    let message = text::html(message);
    format!(
        r#"<div style="font-family:Consolas,Menlo,monospace;font-size:13px;white-space:pre-wrap;padding:8px 10px;border-left:3px solid #8888;background:#8881">{message}</div>"#
    )
}

fn help(help: &Help) -> String {
    let mut html = format!(
        r#"<div>{}</div><div style="margin-top:6px"><b>Next step:</b> {}</div>"#,
        text::html(&help.explanation),
        text::html(&help.next_step)
    );
    if !help.source.is_empty() {
        html.push_str(&format!(
            r#"<div style="margin-top:6px">{}</div>"#,
            anchor("Read more", &help.source)
        ));
    }
    section("What it means", &html)
}

fn list(lines: &[String]) -> Option<String> {
    let items: String = lines.iter().map(|line| format!("<li>{}</li>", text::html(line))).collect();
    (!lines.is_empty()).then(|| format!(r#"<ul style="margin:0;padding-left:18px">{items}</ul>"#))
}

fn rows(rows: &[(String, String)]) -> Option<String> {
    let row = |(name, value): &(String, String)| {
        format!(
            r#"<tr><td style="padding:2px 12px 2px 0;width:110px;vertical-align:top;opacity:.7">{}</td><td style="padding:2px 0;vertical-align:top;overflow-wrap:anywhere">{}</td></tr>"#,
            text::html(name),
            text::html(value)
        )
    };
    let table: String = rows.iter().map(row).collect();
    let style = "width:100%;table-layout:fixed;border-collapse:collapse;font-size:14px";
    (!rows.is_empty()).then(|| {
        section("", &format!(r#"<table role="presentation" style="{style}">{table}</table>"#))
    })
}

fn links(links: &[(String, String)]) -> Option<String> {
    let anchors: Vec<_> = links.iter().map(|(title, url)| anchor(title, url)).collect();
    (!links.is_empty()).then(|| section("", &anchors.join(" &nbsp;·&nbsp; ")))
}

fn anchor(title: &str, url: &str) -> String {
    let (title, url) = (text::html(title), text::html(url));
    // A blue that can be read on white and on black.
    format!(r#"<a href="{url}" style="color:#2f80d0;font-weight:600">{title}</a>"#)
}

fn plain(outline: &Outline) -> String {
    let mut parts = vec![format!("[{}] {}", outline.word, outline.title)];
    parts.extend(outline.lead.clone());
    parts.extend(outline.cause.as_ref().map(|cause| format!("What went wrong:\n{cause}")));
    parts.extend(outline.elsewhere.clone());
    parts.extend(outline.help.as_ref().map(plain_help));
    parts.push(outline.examples.iter().map(|line| format!("- {line}\n")).collect());
    parts.push(pairs(&outline.rows));
    parts.push(pairs(&outline.links));
    parts.extend(outline.raw.as_ref().map(|raw| format!("The whole message:\n{raw}")));
    let parts: Vec<_> = parts.iter().map(|it| it.trim_end()).filter(|it| !it.is_empty()).collect();
    parts.join("\n\n") + "\n"
}

fn plain_help(help: &Help) -> String {
    let Help { explanation, next_step, source } = help;
    let text = format!("What it means:\n{explanation}\nNext step: {next_step}\n");
    if source.is_empty() { text } else { format!("{text}Read more: {source}\n") }
}

fn pairs(pairs: &[(String, String)]) -> String {
    pairs.iter().map(|(name, value)| format!("{name}: {value}\n")).collect()
}
