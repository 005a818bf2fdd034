//! `gateway-N.yaml`: what one institution's process needs beside the public description.

use super::fields::{self, Document, Unique, hex};
use super::replica::{named_consortium, secret};
use super::vault::{self, VaultPlace};
use super::{Consortium, SecretSeed};
use crate::diagnostic::{Diagnostics, Problems};
use crate::scenario::reader::Field;
use crate::scenario::units;
use crate::scenario::yaml::Subject;
use ledger_core::gateway::Actor;
use ledger_core::ledger::transaction::PartyId;
use ledger_core::seam::GatewayId;
use std::path::{Path, PathBuf};

const SUBJECT: Subject = Subject {
    noun: "gateway's configuration",
    shortest: "format, consortium, gateway, secret, listen and vault",
};

/// One institution's gateway, complete and consistent with its consortium.
#[derive(Clone, Debug)]
pub struct GatewayFile {
    /// Whose institution it is.
    pub consortium: Consortium,
    /// Which one.
    pub gateway: GatewayId,
    /// Its secret: transport and wrap key are the ones that the consortium names.
    pub secret: SecretSeed,
    /// `host:port` of its UDP socket.
    pub listen: String,
    /// Where the documents in custody are.
    pub vault: VaultPlace,
    /// Directory of what this gateway itself has to remember: with the documents, if they are on this host.
    pub state: PathBuf,
    /// Who may act here, each party once.
    pub actors: Vec<Actor>,
    /// `host:port` of its API, health and metrics over HTTP; `None`: none.
    pub api: Option<String>,
}

impl GatewayFile {
    /// Reads a file and what it names.
    ///
    /// # Errors
    /// Every mistake in it and in its consortium's file.
    pub fn read(path: &Path) -> Result<Self, Diagnostics> {
        let mut document = Document::read(path, SUBJECT)?;
        let mut problems = std::mem::take(&mut document.problems);
        let mut other = None;
        let gateway = read(&document, &mut problems, &mut other);
        document.problems = problems;
        document.finish(gateway.as_ref(), other)?;
        Ok(gateway.expect("a file without a mistake is complete"))
    }

    /// Who acts as a party here.
    pub fn actor(&self, party: PartyId) -> Option<&Actor> {
        self.actors.iter().find(|actor| actor.party == party)
    }
}

fn read(
    document: &Document,
    problems: &mut Problems,
    other: &mut Option<Diagnostics>,
) -> Option<GatewayFile> {
    let folder = &document.folder;
    let mut root = Document::map(&document.root, problems, "the keys of a gateway, as in `format: 1`")?;
    let consortium = root.required("consortium", "consortium.yaml");
    let consortium = consortium.and_then(|field| named_consortium(&field, folder, problems, other));
    let gateway = root.required("gateway", "0");
    let gateway = gateway.and_then(|field| gateway_of(&field, consortium.as_ref(), problems));
    let secret = root.required("secret", "gateway-0.key").and_then(|field| {
        let secret = secret(&field, folder, problems)?;
        check_secret(secret, &field, consortium.as_ref()?, gateway?, problems)
    });
    let listen = root.required("listen", "0.0.0.0:7100");
    let listen = listen.and_then(|field| fields::address(&field, problems));
    let vault = root.required("vault", "vault/gateway-0");
    let vault = vault.and_then(|field| vault::place(&field, folder, problems));
    let state = root.optional("state");
    let state = match state {
        Some(field) => fields::path(&field, folder, problems),
        None => match (&vault, gateway) {
            (Some(VaultPlace::Directory(path)), _) => Some(path.clone()),
            (_, Some(gateway)) => Some(folder.join(format!("state/gateway-{}", gateway.0))),
            (_, None) => None,
        },
    };
    let actors = root.optional("actors");
    let actors = actors.map_or(Some(Vec::new()), |field| actors_of(&field, folder, problems));
    let api = root.optional("api");
    let api = api.map_or(Some(None), |field| fields::address(&field, problems).map(Some));
    root.finish(problems);
    Some(GatewayFile {
        consortium: consortium?,
        gateway: gateway?,
        secret: secret?,
        listen: listen?,
        vault: vault?,
        state: state?,
        actors: actors?,
        api: api?,
    })
}

fn gateway_of(
    field: &Field<'_>,
    consortium: Option<&Consortium>,
    problems: &mut Problems,
) -> Option<GatewayId> {
    let id = field.read(problems, &units::INTEGER)?;
    let consortium = consortium?;
    let found = u32::try_from(id).ok().map(GatewayId).filter(|id| consortium.institution(*id).is_some());
    if found.is_none() {
        let report = field.wrong(problems, format!("gateway {id} does not exist"));
        report.help(match (consortium.institutions.first(), consortium.institutions.last()) {
            (Some(first), Some(last)) => {
                format!(
                    "the consortium's institutions have gateways {} to {}",
                    first.gateway.0, last.gateway.0
                )
            }
            _ => "the consortium has no institutions: it orders bytes only".to_owned(),
        });
    }
    found
}

fn check_secret(
    secret: SecretSeed,
    field: &Field<'_>,
    consortium: &Consortium,
    gateway: GatewayId,
    problems: &mut Problems,
) -> Option<SecretSeed> {
    let entry = consortium.institution(gateway)?;
    if secret.transport_key() != entry.transport_key {
        let report = field.wrong(problems, format!("it is not the secret of gateway {}", gateway.0));
        report.help(format!("its transport key is {}", hex(&secret.transport_key().0)));
        report.help(format!("the consortium names {}", hex(&entry.transport_key.0)));
        return None;
    }
    if secret.wrap_key() != entry.wrap_key {
        let report = field.wrong(problems, "the consortium names another wrap key for it");
        report.help(format!("its wrap key is {}", hex(&secret.wrap_key())));
        report.help(format!("the consortium names {}", hex(&entry.wrap_key)));
        return None;
    }
    Some(secret)
}

fn actors_of(field: &Field<'_>, folder: &Path, problems: &mut Problems) -> Option<Vec<Actor>> {
    let items =
        field.list(problems, "a list, as in `- { party: 12, organisation: 0, key: actors/12.key }`")?;
    let mut parties = Unique::new("party");
    let actors: Vec<Option<Actor>> = items
        .iter()
        .map(|item| {
            let mut map = item.map(problems, "an actor, as in `{ party: 12, key: actors/12.key }`")?;
            let mut number = |key, problems: &mut Problems| {
                let field = map.required(key, "12")?;
                let (least, most) = ((0, "0"), (u64::from(u32::MAX), "4294967295"));
                let number = field.within(problems, &units::INTEGER, least, most)?;
                Some((number as u32, field))
            };
            let party = number("party", problems);
            let organisation = number("organisation", problems);
            if let Some((party, field)) = &party {
                parties.add(*party, field, problems);
            }
            let key = map.required("key", "actors/12.key");
            let key = key.and_then(|field| secret(&field, folder, problems));
            map.finish(problems);
            Some(Actor {
                party: PartyId(party?.0),
                organisation: PartyId(organisation?.0),
                key: key?.signing(),
            })
        })
        .collect();
    actors.into_iter().collect()
}
