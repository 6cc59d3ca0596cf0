//! Blob names that have gone wrong somewhere in the world.

/// The name below the folder `in/`, the same as it is in an address, and its path on the disk.
pub(super) const NAMES: [(&str, &str, &str); 18] = [
    ("plain.csv", "plain.csv", "plain.csv"),
    ("a b.csv", "a%20b.csv", "a b.csv"),
    ("100%20.csv", "100%2520.csv", "100%20.csv"),
    ("a+b.csv", "a%2Bb.csv", "a+b.csv"),
    ("a#b.csv", "a%23b.csv", "a#b.csv"),
    ("a?b=c&d.csv", "a%3Fb%3Dc%26d.csv", "a?b=c&d.csv"),
    ("[ ].csv", "%5B%20%5D.csv", "[ ].csv"),
    ("12:30.csv", "12%3A30.csv", "12:30.csv"),
    ("é.csv", "%C3%A9.csv", "é.csv"),
    ("仓库.csv", "%E4%BB%93%E5%BA%93.csv", "仓库.csv"),
    ("😀.csv", "%F0%9F%98%80.csv", "😀.csv"),
    ("\"quoted\".csv", "%22quoted%22.csv", "\"quoted\".csv"),
    ("back\\slash.csv", "back%5Cslash.csv", "back\\slash.csv"),
    ("{file}.csv", "%7Bfile%7D.csv", "{file}.csv"),
    ("a//b", "a//b", "a/%!/b"),
    ("tail/", "tail/", "tail/%!"),
    ("null", "null", "null"),
    ("2023-05-31T13:28:51Z", "2023-05-31T13%3A28%3A51Z", "2023-05-31T13:28:51Z"),
];

/// A text as the host sends it where it encodes it once.
pub(super) fn once(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A text as the host sends it where it encodes the encoded text.
pub(super) fn twice(text: &str) -> String {
    once(&once(text))
}
