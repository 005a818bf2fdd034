//! `committee.json`: whom a verifier trusts.
//!
//! ```text
//! { "format": "amanah-committee/1", "chain": "<hex>", "genesis": "<hex>",
//!   "members": [ { "name": "replica-0.oslo", "key": "<hex>", "stake": 1, "verifier": "<C2SP verifier key>" }, … ] }
//! ```
//!
//! The chain is derived from genesis and members, so that a file cannot name one chain and describe another; `verifier`
//! is the same key in the form that other tools of signed notes take. Where the file comes from decides what a proof is
//! worth: get it from the consortium, not from whoever shows the receipt. A `consortium.yaml` does as well.

use crate::deploy::{Consortium, hex, parse_key};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ledger_core::audit::verifier_key_hash;
use ledger_core::committee::{Committee, CommitteeError, Member, Stake};
use ledger_core::crypto::PublicKey;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// The file's name in a directory of results.
pub const FILE_NAME: &str = "committee.json";
const FORMAT: &str = "amanah-committee/1";
/// Largest file that is read, bytes: 256 members take less.
const FILE_BYTES_MAX: u64 = 1 << 20;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CommitteeFile {
    format: String,
    chain: String,
    genesis: String,
    members: Vec<MemberRow>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MemberRow {
    name: String,
    key: String,
    stake: u64,
    #[serde(default)]
    verifier: String,
}

/// Why a file names no committee.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum CommitteeFileError {
    #[error("{}: cannot be read: {error}", file.display())]
    Io { file: PathBuf, error: io::Error },
    #[error("{}: {bytes} bytes are more than a committee has (at most {FILE_BYTES_MAX})", file.display())]
    TooLarge { file: PathBuf, bytes: u64 },
    #[error("{}: is no committee: {error}", file.display())]
    NotJson { file: PathBuf, error: serde_json::Error },
    #[error("{}: its `format` is {found:?}, and this program reads {FORMAT:?}", file.display())]
    Format { file: PathBuf, found: String },
    #[error("{}: `{field}` is not hexadecimal as it should be", file.display())]
    Hex { file: PathBuf, field: String },
    #[error("{}: {error}", file.display())]
    Committee { file: PathBuf, error: CommitteeError },
    #[error(
        "{}: it says that its chain is {said}, and its genesis and members make {found}: a member or the genesis was changed",
        file.display()
    )]
    Chain { file: PathBuf, said: String, found: String },
    #[error("{0}")]
    Consortium(String),
}

/// The file of a committee.
pub fn to_json(committee: &Committee) -> String {
    let members = committee.members().iter().map(|member| MemberRow {
        name: member.name.clone(),
        key: hex(&member.key.0),
        stake: member.stake.0,
        verifier: verifier(member),
    });
    let file = CommitteeFile {
        format: FORMAT.to_owned(),
        chain: committee.chain().0.to_string(),
        genesis: hex(committee.genesis()),
        members: members.collect(),
    };
    let mut text = serde_json::to_string_pretty(&file).expect("keys are text");
    text.push('\n');
    text
}

/// A C2SP verifier key: `<name>+<hash>+<base64 of the type and the key>`.
fn verifier(member: &Member) -> String {
    let key = [&[1][..], &member.key.0].concat();
    format!("{}+{}+{}", member.name, hex(&verifier_key_hash(member)), BASE64.encode(key))
}

/// Reads `committee.json`, or the `consortium.yaml` of a deployment.
///
/// # Errors
/// See [`CommitteeFileError`].
pub fn read(file: &Path) -> Result<Committee, CommitteeFileError> {
    if file.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
        let consortium = Consortium::read(file)
            .map_err(|errors| CommitteeFileError::Consortium(errors.to_string().trim_end().to_owned()))?;
        return Ok((*consortium.committee).clone());
    }
    let io = |error| CommitteeFileError::Io { file: file.to_owned(), error };
    let bytes = fs::metadata(file).map_err(io)?.len();
    if bytes > FILE_BYTES_MAX {
        return Err(CommitteeFileError::TooLarge { file: file.to_owned(), bytes });
    }
    parse(file, &fs::read(file).map_err(io)?)
}

fn parse(file: &Path, bytes: &[u8]) -> Result<Committee, CommitteeFileError> {
    let file = || file.to_owned();
    let read: CommitteeFile =
        serde_json::from_slice(bytes).map_err(|error| CommitteeFileError::NotJson { file: file(), error })?;
    if read.format != FORMAT {
        return Err(CommitteeFileError::Format { file: file(), found: read.format });
    }
    let hex_error = |field: String| CommitteeFileError::Hex { file: file(), field };
    let genesis = from_hex(&read.genesis).ok_or_else(|| hex_error("genesis".to_owned()))?;
    let members: Result<Vec<Member>, CommitteeFileError> = read
        .members
        .into_iter()
        .enumerate()
        .map(|(index, row)| {
            let key = parse_key(&row.key).ok_or_else(|| hex_error(format!("members[{index}].key")))?;
            Ok(Member { name: row.name, key: PublicKey(key), stake: Stake(row.stake) })
        })
        .collect();
    let committee = Committee::new(&genesis, members?)
        .map_err(|error| CommitteeFileError::Committee { file: file(), error })?;
    let found = committee.chain().0.to_string();
    if found != read.chain {
        return Err(CommitteeFileError::Chain { file: file(), said: read.chain, found });
    }
    Ok(committee)
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger_core::crypto::SecretKey;

    fn committee() -> Committee {
        let member = |n: u8| Member {
            name: format!("replica-{n}.oslo"),
            key: SecretKey::from_seed([n; 32]).public(),
            stake: Stake(1),
        };
        Committee::new(b"genesis", (0..4).map(member).collect()).unwrap()
    }

    fn parsed(text: &str) -> Result<Committee, String> {
        parse(Path::new("c.json"), text.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_written_is_read_back() {
        let committee = committee();
        assert_eq!(parsed(&to_json(&committee)), Ok(committee));
    }

    #[test]
    fn what_is_no_committee_is_refused_by_name() {
        let good = to_json(&committee());
        let swapped = good.replace("\"stake\": 1", "\"stake\": 2");
        assert!(parsed(&swapped).unwrap_err().contains("a member or the genesis was changed"));
        let refused = |from: &str, to: &str, message: &str| {
            let error = parsed(&good.replacen(from, to, 1)).unwrap_err();
            assert!(error.starts_with("c.json: ") && error.contains(message), "{error}");
        };
        refused(FORMAT, "amanah-committee/9", "its `format` is \"amanah-committee/9\"");
        refused("\"key\": \"", "\"key\": \"x", "`members[0].key` is not hexadecimal");
        refused("\"genesis\": \"", "\"genesis\": \"0", "`genesis` is not hexadecimal");
        refused("\"stake\": 1", "\"stake\": 0", "replica 0 has no stake");
        refused("\"stake\"", "\"steak\"", "unknown field `steak`");
        assert!(parsed("{").unwrap_err().contains("is no committee"));
        assert!(
            read(Path::new("no/such/committee.json")).unwrap_err().to_string().contains("cannot be read")
        );
    }
}
