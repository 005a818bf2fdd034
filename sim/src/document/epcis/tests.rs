//! Events are what the standard's words say; that their hashes agree with other implementations is shown by
//! `tests/validators`.

use super::specimen::{document, specimens};
use super::*;
use crate::document::date::GENESIS;
use crate::document::epcis::key::Gtin;
use crate::seed::Seed;
use serde_json::Value;
use std::collections::BTreeSet;

#[test]
fn every_step_and_disposition_is_written_and_every_event_is_another() {
    let events = specimens(&Seed::new(1), 0);
    let parsed: Value = serde_json::from_str(&document(&events)).unwrap();
    let list = parsed["epcisBody"]["eventList"].as_array().unwrap();
    let all =
        |key: &str| -> BTreeSet<&str> { list.iter().map(|event| event[key].as_str().unwrap()).collect() };
    assert_eq!(all("bizStep"), BizStep::ALL.iter().map(|step| step.word()).collect());
    assert_eq!(all("disposition"), Disposition::ALL.iter().map(|word| word.word()).collect());
    assert_eq!(all("eventID").len(), events.len());
}

#[test]
fn an_identity_is_of_content_whatever_the_order_of_a_list() {
    let gtin = Gtin::new(1).unwrap();
    let (here, there) =
        ([Epc::Sgtin(gtin, "1"), Epc::Sgtin(gtin, "2")], [Epc::Sgtin(gtin, "2"), Epc::Sgtin(gtin, "1")]);
    let event = Event {
        at: GENESIS,
        what: What::Objects(&here),
        action: Action::Observe,
        step: BizStep::Holding,
        disposition: Disposition::Recalled,
        place: Gln::new(1).unwrap(),
        parties: None,
        made: None,
    };
    assert_eq!(event.id(), Event { what: What::Objects(&there), ..event }.id());
    assert_ne!(event.id(), Event { what: What::Objects(&here[..1]), ..event }.id());
    assert_ne!(event.id(), Event { at: GENESIS.minutes_after(1), ..event }.id());
}
