//! Small rules for names and texts that come from outside.

use ring::digest;

use crate::error::Wrong;

/// The longest id, in characters: in UTF-8 and with a time before it, it stays below the 1,023 bytes
/// of an id of Cosmos DB.
pub const LONGEST_ID: usize = 200;

/// Checks the id of a resource.
///
/// # Errors
/// Why it is none.
pub fn check_id(field: &str, id: &str) -> Result<(), Wrong> {
    if id.is_empty() {
        return Err(Wrong::new(field, "is empty"));
    }
    if id == "." || id == ".." {
        return Err(Wrong::new(field, "must not be a dot or two: addresses lose them"));
    }
    check_text(field, id, LONGEST_ID)
}

/// The id of what has this name: the name itself, or, if it is no id, as much of it as one has room
/// for, a tilde and the first 16 hexadecimal digits of the name's SHA-256.
pub fn fitting_id(name: &str) -> String {
    if check_id("id", name).is_ok() {
        return name.to_owned();
    }
    let digest = digest::digest(&digest::SHA256, name.as_bytes());
    let digits: String = digest.as_ref()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    let kept = name.chars().filter(|c| !c.is_control()).take(LONGEST_ID - 1 - digits.len());
    format!("{}~{digits}", kept.collect::<String>())
}

/// Checks a text: so many characters at most, and none of them for control.
///
/// # Errors
/// Why it is not acceptable.
pub fn check_text(field: &str, text: &str, longest: usize) -> Result<(), Wrong> {
    let length = text.chars().count();
    if length > longest {
        let reason = format!("has {length} characters; at most {longest} are allowed");
        return Err(Wrong::new(field, reason));
    }
    match text.chars().find(|c| c.is_control()) {
        Some(c) => Err(Wrong::new(field, format!("has the control character {c:?}"))),
        None => Ok(()),
    }
}

/// The text, or as much of it as `longest` bytes take, with a mark that it was cut. Of characters
/// for control only the ends of lines and tabs are kept: in JSON, another takes six bytes.
pub fn shortened(text: &str, longest: usize) -> String {
    const CUT: &str = " … (cut)";
    let is_odd = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    let text = text.replace(is_odd, "\u{fffd}");
    if text.len() <= longest {
        return text;
    }
    let end = text.floor_char_boundary(longest.saturating_sub(CUT.len()));
    format!("{}{CUT}", &text[..end])
}

/// The known name that is most like this one, if any is.
pub fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let name = name.to_lowercase();
    let likeness = |known: &str| strsim::jaro_winkler(&name, &known.to_lowercase());
    let (best, known) = known
        .iter()
        .map(|known| (likeness(known), *known))
        .max_by(|(a, _), (b, _)| a.total_cmp(b))?;
    (best > 0.8).then_some(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_told_when_one_is_near() {
        let known = ["status", "container", "runId"];
        assert_eq!(nearest("state", &known), Some("status"));
        assert_eq!(nearest("runid", &known), Some("runId"));
        assert_eq!(nearest("zebra", &known), None);
        assert_eq!(nearest("x", &[]), None);
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(shortened("short", 5), "short");
        let cut = shortened(&"é".repeat(20), 20);
        assert!(cut.len() <= 20 && cut.ends_with("(cut)") && cut.starts_with('é'), "{cut}");
    }

    #[test]
    fn an_id_has_neither_control_characters_nor_too_many_bytes() {
        for id in ["a", "landing/drives/q1", "a b?#\\%2F é", &"x".repeat(LONGEST_ID)] {
            assert!(check_id("id", id).is_ok(), "{id}");
        }
        for id in ["", ".", "..", "a\nb", "\0", "\u{85}", &"é".repeat(LONGEST_ID + 1)] {
            assert!(check_id("id", id).is_err(), "{id}");
        }
    }

    #[test]
    fn every_name_has_an_id_of_its_own() {
        assert_eq!(fitting_id("landing/drives/q1"), "landing/drives/q1");
        let long = "é".repeat(LONGEST_ID);
        let names =
            [format!("{long}a"), format!("{long}b"), "a\nb".into(), "ab".into(), String::new()];
        let ids = names.each_ref().map(|name| fitting_id(name));
        for (at, id) in ids.iter().enumerate() {
            assert_eq!(check_id("id", id), Ok(()), "{id}");
            assert!(!ids[..at].contains(id), "{id}");
        }
        assert!(ids[0].starts_with("éé") && ids[2].starts_with("ab~"), "{ids:?}");
    }
}
