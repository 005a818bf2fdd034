//! Identity of an event: hash of its content (CBV 2.0, section 8.9, "Event Hash ID").
//!
//! The pre-hash string is every property in the standard's order, each as `name=value`, lists sorted, nothing between
//! them; words of the vocabulary in full, eventID and recordTime left out. What is hashed is SHA-256 of its UTF-8.
//! Master data of instance and lot is an extension: it follows last, with its namespace in braces.

use super::key::{Epc, lot_uri};
use super::{Event, MASTER_DATA, What};
use ledger_core::crypto::Digest;

const CBV: &str = "https://ref.gs1.org/cbv/";

/// `ni:///sha-256;…?ver=CBV2.0`.
pub(super) fn id(event: &Event<'_>) -> String {
    format!("ni:///sha-256;{}?ver=CBV2.0", Digest::sha256(&[pre_hash(event).as_bytes()]))
}

/// What is hashed.
pub fn pre_hash(event: &Event<'_>) -> String {
    let mut text = String::with_capacity(1024);
    let mut put = |parts: &[&str]| parts.iter().for_each(|part| text.push_str(part));
    let mut at = String::with_capacity(24);
    event.at.write(&mut at);
    put(&["eventType=", event.kind(), "eventTime=", &at, "eventTimeZoneOffset=+00:00"]);
    match event.what {
        What::Objects(things) => put(&["epcList", &sorted(things)]),
        What::Lot(gtin, lot) => put(&["quantityListquantityElementepcClass=", &lot_uri(gtin, lot)]),
        What::Aggregation { parent, children } => {
            put(&["parentID=", &Epc::Sscc(parent).uri(), "childEPCs", &sorted(children)]);
        }
    }
    let place = event.place.place();
    put(&["action=", event.action.word(), "bizStep=", CBV, "BizStep-", event.step.word()]);
    put(&["disposition=", CBV, "Disp-", event.disposition.word()]);
    put(&["readPointid=", &place, "bizLocationid=", &place]);
    if let Some((source, destination)) = event.parties {
        for (list, key, gln) in
            [("sourceList", "source", source), ("destinationList", "destination", destination)]
        {
            put(&[list, "type=", CBV, "SDT-owning_party", key, "=", &gln.party()]);
        }
    }
    if let Some(made) = event.made {
        let mut expiry = String::new();
        made.expiry.write(&mut expiry);
        put(&[
            "ilmd{",
            MASTER_DATA,
            "}itemExpirationDate=",
            &expiry,
            "{",
            MASTER_DATA,
            "}lotNumber=",
            made.lot,
        ]);
    }
    text
}

fn sorted(things: &[Epc<'_>]) -> String {
    let mut list: Vec<String> = things.iter().map(|thing| format!("epc={}", thing.uri())).collect();
    list.sort_unstable();
    list.concat()
}
