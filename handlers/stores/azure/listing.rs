//! Pages of a listing: the XML of List Blobs.
//!
//! It is read here and not by the client's own model, which leaves out what marks a directory of a
//! hierarchical namespace.

use std::{borrow::Cow, collections::BTreeMap, sync::LazyLock};

use azure_core::{time::parse_rfc7231, xml::from_xml};
use percent_encoding::percent_decode_str;
use regex::{Captures, Regex};
use serde::Deserialize;

use super::attributes::{copy_state, md5};
use crate::stores::{
    ETag, Page,
    blobs::{BlobPath, Listed, Metadata, Properties},
};

/// The mark of a blob that stands for a folder; tools that know no hierarchy set it themselves.
const FOLDER: &str = "hdi_isfolder";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    blobs: Blobs,
    next_marker: Option<String>,
}

#[derive(Deserialize)]
struct Blobs {
    #[serde(rename = "Blob", default)]
    items: Vec<Item>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Item {
    name: Name,
    properties: Details,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
}

/// A name, percent-encoded if it holds what XML cannot.
#[derive(Deserialize)]
struct Name {
    #[serde(rename = "@Encoded", default)]
    encoded: bool,
    #[serde(rename = "$text", default)]
    text: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Details {
    etag: String,
    #[serde(rename = "Last-Modified")]
    last_modified: String,
    #[serde(rename = "Content-Length")]
    length: Option<u64>,
    #[serde(rename = "Content-Type")]
    content_type: Option<String>,
    #[serde(rename = "Content-MD5")]
    content_md5: Option<String>,
    access_tier: Option<String>,
    resource_type: Option<String>,
    copy_status: Option<String>,
    copy_status_description: Option<String>,
}

/// Reads a page. Names that this product does not handle (a `..` between slashes, a control
/// character) are left out.
pub(super) fn page(container: &str, xml: &[u8]) -> azure_core::Result<Page<Listed>> {
    let answer: Answer = from_xml(keep_spaces(&String::from_utf8_lossy(xml)).as_bytes())?;
    let items = answer.blobs.items.into_iter().filter_map(|item| listed(container, item)).collect();
    Ok(Page { items, next: answer.next_marker.filter(|marker| !marker.is_empty()) })
}

/// Encodes names of nothing but spaces, which are legal, but formatting to the XML parser.
fn keep_spaces(xml: &str) -> Cow<'_, str> {
    static BLANK: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new("<Name>( +)</Name>").expect("the pattern is a constant and well formed")
    });
    BLANK.replace_all(xml, |found: &Captures<'_>| {
        format!("<Name Encoded=\"true\">{}</Name>", "%20".repeat(found[1].len()))
    })
}

fn listed(container: &str, item: Item) -> Option<Listed> {
    let path = BlobPath::new(container, item.name.decode()?)
        .inspect_err(|error| tracing::warn!(%error, "a blob is left out of the listing"))
        .ok()?;
    let properties = item.properties.read(item.metadata)?;
    Some(Listed { path, properties })
}

impl Name {
    fn decode(self) -> Option<String> {
        if !self.encoded {
            return Some(self.text);
        }
        Some(percent_decode_str(&self.text).decode_utf8().ok()?.into_owned())
    }
}

impl Details {
    fn read(self, metadata: BTreeMap<String, String>) -> Option<Properties> {
        let mut metadata: Metadata = metadata
            .into_iter()
            .filter(|(name, _)| !name.starts_with('@'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value))
            .collect();
        if self.resource_type.as_deref() == Some("directory") {
            metadata.insert(FOLDER.to_owned(), "true".to_owned());
        }
        let description = self.copy_status_description.as_deref();
        Some(Properties {
            etag: ETag::new(self.etag),
            length: self.length.unwrap_or_default(),
            last_modified: parse_rfc7231(&self.last_modified).ok()?,
            content_type: self.content_type.filter(|text| !text.is_empty()),
            content_md5: self.content_md5.as_deref().and_then(md5),
            metadata,
            tier: self.access_tier,
            copy: self.copy_status.map(|status| copy_state(&status, description)),
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::stores::blobs::CopyState;

    fn read(blobs: &str, marker: &str) -> Page<Listed> {
        let xml = format!(
            "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults ServiceEndpoint=\"x\" \
             ContainerName=\"c\"><Prefix>p</Prefix><Blobs>{blobs}</Blobs>{marker}</EnumerationResults>"
        );
        page("landing", xml.as_bytes()).unwrap()
    }

    fn blob(name: &str, properties: &str, rest: &str) -> String {
        format!(
            "<Blob>{name}<Properties><Creation-Time>Mon, 30 Nov 2026 21:34:25 GMT</Creation-Time>\
             <Last-Modified>Mon, 30 Nov 2026 21:34:25 GMT</Last-Modified><Etag>0x8D</Etag>\
             {properties}<BlobType>BlockBlob</BlobType></Properties>{rest}</Blob>"
        )
    }

    #[test]
    fn names_byte_for_byte() {
        let cases = [
            ("<Name>a&amp;&lt;b&gt;&quot;'</Name>", "a&<b>\"'"),
            ("<Name> a b </Name>", " a b "),
            ("<Name> </Name>", " "),
            ("<Name>   </Name>", "   "),
            ("<Name>a%20b</Name>", "a%20b"),
            ("<Name Encoded=\"true\">a%20b%EF%BF%BE%2Fc</Name>", "a b\u{fffe}/c"),
            ("<Name Encoded=\"false\">%EF</Name>", "%EF"),
            ("<Name>仓库/😀//</Name>", "仓库/😀//"),
        ];
        let xml: String = cases.iter().map(|(name, _)| blob(name, "", "")).collect();
        let page = read(&xml, "");
        let names: Vec<_> = page.items.iter().map(|item| item.path.name()).collect();
        assert_eq!(names, cases.map(|(_, name)| name));
    }

    #[test]
    fn properties_metadata_and_copies() {
        let properties = "<Content-Length>5368709120</Content-Length><Content-Type>text/csv</Content-Type>\
            <Content-MD5>AQEBAQEBAQEBAQEBAQEBAQ==</Content-MD5><AccessTier>Cool</AccessTier>\
            <CopyStatus>failed</CopyStatus><CopyStatusDescription>404 gone</CopyStatusDescription>";
        let metadata =
            "<Metadata Encrypted=\"true\"><Name_Of>x y</Name_Of><empty/></Metadata><OrMetadata/>";
        let page = read(&blob("<Name>a</Name>", properties, metadata), "");
        let found = &page.items[0].properties;
        assert_eq!((found.etag.as_str(), found.length), ("0x8D", 5_368_709_120));
        assert_eq!(found.content_type.as_deref(), Some("text/csv"));
        assert_eq!(found.content_md5, Some([1; 16]));
        assert_eq!(found.tier.as_deref(), Some("Cool"));
        assert_eq!(found.copy, Some(CopyState::Failed("404 gone".into())));
        let expected = [("empty", ""), ("name_of", "x y")].map(|(k, v)| (k.into(), v.into()));
        assert_eq!(found.metadata, Metadata::from(expected));
    }

    #[test]
    fn empty_elements_are_absent() {
        let page =
            read(&blob("<Name>a</Name>", "<Content-MD5/><Content-Type/>", "<Metadata/>"), "");
        let found = &page.items[0].properties;
        assert_eq!((&found.content_type, found.content_md5), (&None, None));
        assert!(found.metadata.is_empty());
    }

    #[test]
    fn a_directory_is_a_folder_stub() {
        let directory = "<ResourceType>directory</ResourceType><Content-Length>0</Content-Length>";
        let file = "<ResourceType>file</ResourceType>";
        let xml = blob("<Name>d</Name>", directory, "") + &blob("<Name>d/f</Name>", file, "");
        let page = read(&xml, "");
        assert_eq!(page.items[0].properties.metadata[FOLDER], "true");
        assert!(page.items[1].properties.metadata.is_empty());
    }

    #[test]
    fn the_marker_and_names_that_are_left_out() {
        let xml = blob("<Name>a/../b</Name>", "", "") + &blob("<Name>ok</Name>", "", "");
        let page = read(&xml, "<NextMarker>2!76!x</NextMarker>");
        assert_eq!(page.items.len(), 1);
        assert_eq!(page.next.as_deref(), Some("2!76!x"));
        let empty = read("", "<NextMarker/>");
        assert!(empty.items.is_empty() && empty.next.is_none());
    }

    #[test]
    fn what_is_not_a_listing() {
        for text in ["", "<html></html>", "<EnumerationResults><Blobs><Blob/></Blobs>"] {
            assert!(page("landing", text.as_bytes()).is_err(), "{text}");
        }
    }
}
