//! Devices: what measures at home, and models that advise.

use super::{Coding, Concept, Id, Identifier, Kind, Reference, Resource};
use crate::document::json::Object;

/// `Device`.
#[derive(Clone, Copy, Debug)]
pub struct Device<'a> {
    /// Its id.
    pub id: Id,
    /// Whether it may be used: attested, not revoked.
    pub active: bool,
    /// Who made it; may be empty.
    pub manufacturer: &'a str,
    /// Its model; may be empty.
    pub model: &'a str,
    /// Its serial number; must not be empty.
    pub serial: &'a str,
    /// Firmware or model version; must not be empty. A hash where the ledger holds one.
    pub version: &'a str,
    /// What it is.
    pub code: Coding,
    /// At whom; `None` for software.
    pub patient: Option<Reference>,
    /// Whose it is.
    pub owner: Reference,
}

impl Resource for Device<'_> {
    fn kind(&self) -> Kind {
        Kind::Device
    }

    fn id(&self) -> Id {
        self.id
    }

    fn body(&self, o: &mut Object<'_>) {
        o.list("identifier", [Identifier { space: "device", value: self.serial }]);
        o.put("status", if self.active { "active" } else { "inactive" });
        o.text("manufacturer", self.manufacturer).put("serialNumber", self.serial);
        o.text("modelNumber", self.model).put("type", Concept(self.code));
        o.objects("version", [self.version], |version, o| {
            o.put("value", version);
        });
        o.maybe("patient", self.patient).put("owner", self.owner);
    }
}
