//! `ransomware:` of a fault.

use super::{Struck, lasting};
use crate::diagnostic::Problems;
use crate::plan::FaultKind;
use crate::scenario::reader::Field;
use crate::scenario::units;

/// `hospitals` is `None` when the population has mistakes of its own.
pub(super) fn read(field: &Field<'_>, hospitals: Option<usize>, problems: &mut Problems) -> Option<Struck> {
    let mut map = field.map(problems, "a map, as in `ransomware: { hospitals: [0], for: 15s }`")?;
    let list = map.required("hospitals", "[0]");
    let lasts = lasting(&mut map, problems);
    map.finish(problems);
    let items = list.as_ref()?.list(problems, "hospitals, as in `[0]`")?;
    if items.is_empty() {
        list?.wrong(problems, "no hospital to strike").help("name some, as in `[0]`");
        return None;
    }
    let mut struck = Vec::new();
    for item in &items {
        let Some(id) = item.read(problems, &units::INTEGER) else { continue };
        let Some(count) = hospitals else { continue };
        let Some(hospital) = usize::try_from(id).ok().filter(|id| *id < count) else {
            let report = item.wrong(problems, format!("hospital {id} does not exist"));
            report.help(match count {
                0 => "the population has no hospital".to_owned(),
                _ => format!("the population has {count}, 0 to {}", count - 1),
            });
            continue;
        };
        if struck.contains(&hospital) {
            item.wrong(problems, format!("hospital {hospital} is there twice")).help("remove one");
            continue;
        }
        struck.push(hospital);
    }
    Some((FaultKind::Ransomware { hospitals: struck }, lasts))
}
