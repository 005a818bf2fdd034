//! `byzantine:` and `hostile_gateway:` of a fault.

use super::gateways::Named;
use super::{distinct, lasting, replica_id};
use crate::diagnostic::Problems;
use crate::plan::{FaultKind, GatewayBehaviour, ReplicaBehaviour};
use crate::scenario::node::Value;
use crate::scenario::reader::Field;
use crate::scenario::units;
use ledger_core::time::Duration;

/// Hostile messages a second of each gateway, unless written otherwise.
const RATE_MHZ: u64 = 50_000;
/// Most of them: beyond it the run would simulate little else.
const RATE_MAX: (u64, &str) = (10_000_000, "10k/s");

type Read = Option<(FaultKind, Option<Option<Duration>>)>;

/// `replicas` is `None` when the ledger has mistakes of its own.
pub(super) fn replicas(field: &Field<'_>, replicas: Option<usize>, problems: &mut Problems) -> Read {
    let example = "a map, as in `byzantine: { replicas: [3], behaviour: equivocate }`";
    let mut map = field.map(problems, example)?;
    let list = map.required("replicas", "[3]");
    let behaviour = map.required("behaviour", "equivocate");
    let victims = map.optional("victims");
    let lasts = lasting(&mut map, problems);
    map.finish(problems);
    let read = |item: &Field<'_>, problems: &mut Problems| replica_id(item, replicas, problems);
    let named = list.and_then(|list| distinct(&list, "replica", problems, read));
    let behaviours = behaviour.as_ref().and_then(|field| choices(field, &ReplicaBehaviour::ALL, problems));
    let spared = match &victims {
        Some(field) => distinct(field, "replica", problems, read)?,
        None => Vec::new(),
    };
    let behaviours = behaviours?;
    if let Some(field) = victims.filter(|_| !behaviours.contains(&ReplicaBehaviour::Selective)) {
        problems
            .report(field.key, field.path, "victims of nobody")
            .help("only `selective` has victims: add it to `behaviour`, or leave them out");
        return None;
    }
    Some((FaultKind::Byzantine { replicas: named?, behaviours, victims: spared }, lasts))
}

/// `institutions`, hospitals and all gateways, is `None` when the population has mistakes of its own.
pub(super) fn gateways(
    field: &Field<'_>,
    institutions: Option<(usize, usize)>,
    problems: &mut Problems,
) -> Read {
    let example = "a map, as in `hostile_gateway: { gateways: [0], behaviour: bad_signatures, rate: 50/s }`";
    let mut map = field.map(problems, example)?;
    let named = Named::require(&mut map);
    let behaviour = map.required("behaviour", "bad_signatures");
    let rate = map.optional("rate");
    let lasts = lasting(&mut map, problems);
    map.finish(problems);
    let rate_mhz = match rate {
        Some(field) => field.within(problems, &units::RATE, (1, "0.001/s"), RATE_MAX)?,
        None => RATE_MHZ,
    };
    let named = named.read(institutions, problems);
    let behaviours = choices(&behaviour?, &GatewayBehaviour::ALL, problems)?;
    Some((FaultKind::HostileGateway { gateways: named?, behaviours, rate_mhz }, lasts))
}

/// One name, or a list of some, each once.
fn choices<T: Copy + PartialEq>(
    field: &Field<'_>,
    names: &[(&'static str, T)],
    problems: &mut Problems,
) -> Option<Vec<T>> {
    let items = match &field.node.value {
        Value::List(_) => field.list(problems, "behaviours")?,
        Value::Null | Value::Scalar { .. } | Value::Map(_) | Value::Refused => vec![field.clone()],
    };
    if items.is_empty() {
        field.wrong(problems, "no behaviour").help("name one, or several in a list");
        return None;
    }
    let mut found = Vec::new();
    for item in &items {
        let behaviour = item.choice(problems, names, &[])?;
        if found.contains(&behaviour) {
            item.wrong(problems, "this behaviour is there twice").help("remove one");
            return None;
        }
        found.push(behaviour);
    }
    Some(found)
}
