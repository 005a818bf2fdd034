//! `vault:` of a gateway: a directory, or a bucket in an object store.
//!
//! ```text
//! vault: vault/gateway-0
//! vault: s3://records-of-hospital-0/live?region=eu-north-1
//! vault: s3://records/hospital-0?endpoint=https://objects.example.org
//! ```
//!
//! Credentials are never written here: a bucket's come from the environment (`AWS_ACCESS_KEY_ID`,
//! `AWS_SECRET_ACCESS_KEY`, …) or the host's role.

use crate::diagnostic::{Problems, quote};
use crate::scenario::reader::Field;
use ledger_core::live::BucketPlace;
use std::path::{Path, PathBuf};

const SCHEME: &str = "s3://";
const EXPECTED: &str =
    "a directory, relative to this file, or `s3://bucket/prefix?endpoint=https://…&region=…`";

/// Where an institution's documents lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VaultPlace {
    /// On this host.
    Directory(PathBuf),
    /// In an object store, sealed.
    Bucket(BucketPlace),
}

pub(super) fn place(field: &Field<'_>, folder: &Path, problems: &mut Problems) -> Option<VaultPlace> {
    let text = field.text(problems, EXPECTED)?;
    let Some(rest) = text.strip_prefix(SCHEME) else {
        // Anything else with a scheme would quietly become a directory of that name.
        if let Some((scheme, _)) = text.split_once("://") {
            let report = field.wrong(problems, format!("no vault is reached by {}", quote(scheme)));
            report.help(format!("expected {EXPECTED}"));
            return None;
        }
        return Some(VaultPlace::Directory(folder.join(text)));
    };
    match bucket(rest) {
        Ok(place) => Some(VaultPlace::Bucket(place)),
        Err(error) => {
            field.wrong(problems, error).help(format!("expected {EXPECTED}"));
            None
        }
    }
}

/// Reads `bucket/prefix?endpoint=…&region=…`.
///
/// # Errors
/// What is wrong with it, in words.
pub(crate) fn bucket(text: &str) -> Result<BucketPlace, String> {
    let (place, query) = text.split_once('?').unwrap_or((text, ""));
    let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
    let named = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c);
    if !(3..=63).contains(&bucket.len()) || !bucket.chars().all(named) {
        return Err(format!("{} is no bucket: 3 to 63 of a to z, 0 to 9, `.` and `-`", quote(bucket)));
    }
    let path = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    if !prefix.chars().all(path) || prefix.split('/').any(|part| part == "." || part == "..") {
        return Err(format!("{} is no prefix: letters, digits, `/`, `.`, `_` and `-`", quote(prefix)));
    }
    let prefix = prefix.trim_matches('/').to_owned();
    let mut place = BucketPlace { bucket: bucket.to_owned(), prefix, endpoint: None, region: None };
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let slot = match key {
            "endpoint" if !value.starts_with("https://") && !value.starts_with("http://") => {
                return Err(format!(
                    "the endpoint {} begins with neither https:// nor http://",
                    quote(value)
                ));
            }
            "endpoint" if value.contains('@') => {
                return Err(
                    "credentials do not belong into an address: put them into the environment".to_owned()
                );
            }
            "endpoint" => &mut place.endpoint,
            "region" => &mut place.region,
            _ => return Err(format!("a vault has no {}: it has `endpoint` and `region`", quote(key))),
        };
        if value.is_empty() || slot.replace(value.to_owned()).is_some() {
            return Err(format!("{} is empty or there twice", quote(key)));
        }
    }
    Ok(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<(String, String, Option<String>, Option<String>), String> {
        let BucketPlace { bucket, prefix, endpoint, region } = bucket(text)?;
        Ok((bucket, prefix, endpoint, region))
    }

    #[test]
    fn a_bucket_has_a_name_a_prefix_and_a_place() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(parsed("records"), Ok(("records".into(), String::new(), None, None)));
        assert_eq!(
            parsed("records/a/b/?region=eu-1&endpoint=http://127.0.0.1:9000"),
            Ok(("records".into(), "a/b".into(), some("http://127.0.0.1:9000"), some("eu-1")))
        );
    }

    #[test]
    fn what_is_no_bucket_is_refused_with_its_cure() {
        let cases = [
            ("", "is no bucket"),
            ("Records", "is no bucket"),
            ("records/../other", "is no prefix"),
            ("records/a b", "is no prefix"),
            ("records?endpoint=127.0.0.1", "begins with neither https:// nor http://"),
            ("records?endpoint=https://key:secret@host", "put them into the environment"),
            ("records?region=", "is empty or there twice"),
            ("records?region=a&region=b", "is empty or there twice"),
            ("records?secret=x", "it has `endpoint` and `region`"),
        ];
        for (text, message) in cases {
            let error = parsed(text).unwrap_err();
            assert!(error.contains(message), "{text}: {error}");
        }
    }
}
