//! Kinds of mistakes: what programs tell them apart by. Messages may be reworded, codes stay.

/// What kind of mistake it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// The file is not there, cannot be read, or is no text.
    Unreadable,
    /// Not YAML, or YAML that is not read here.
    Syntax,
    /// A key twice in one map.
    DuplicateKey,
    /// A key that nothing reads.
    UnknownKey,
    /// A key that must be there.
    MissingKey,
    /// A list, a map or nothing, where something else belongs.
    WrongType,
    /// Text that is no number, or has another unit.
    WrongValue,
    /// Too small or too large.
    OutOfRange,
    /// A word that names nothing here.
    UnknownName,
    /// Known, and not available in this version.
    NotAvailable,
    /// A `--set` that cannot be applied.
    Override,
    /// Well-formed, and yet it cannot be: most of what the validator says.
    #[default]
    Refused,
}

impl Kind {
    /// All of them, with code, meaning and cure.
    pub const ALL: [(Self, &'static str, &'static str, &'static str); 12] = [
        (
            Self::Unreadable,
            "scenario.unreadable",
            "The file is not there, cannot be read, is larger than 1 MiB, or is not UTF-8.",
            "Look at the path and its permissions; save the file as UTF-8.",
        ),
        (
            Self::Syntax,
            "scenario.syntax",
            "The text is not YAML, or uses what scenarios do without: anchors, aliases, tags, several documents.",
            "Indent with spaces, and write values out.",
        ),
        (
            Self::DuplicateKey,
            "scenario.duplicate_key",
            "A key stands twice in one map. Other readers of YAML take the last one in silence.",
            "Keep one of the two.",
        ),
        (
            Self::UnknownKey,
            "scenario.unknown_key",
            "Nothing reads this key. It would look as if it did something.",
            "Correct its spelling: the message names the nearest key, or all that there are.",
        ),
        (
            Self::MissingKey,
            "scenario.missing_key",
            "A key is missing without which nothing can be run.",
            "Add it; the message has an example.",
        ),
        (
            Self::WrongType,
            "scenario.wrong_type",
            "There is a list, a map or nothing at all where something else belongs.",
            "The message says what is expected.",
        ),
        (
            Self::WrongValue,
            "scenario.wrong_value",
            "The value is no number, has no unit, or the unit of something else.",
            "Durations are written `250ms`, rates `2000/s`, sizes `4KiB`, shares `30%`.",
        ),
        (
            Self::OutOfRange,
            "scenario.out_of_range",
            "The value is below the least or above the greatest that is accepted.",
            "The message says both; `amanah explain KEY` too.",
        ),
        (
            Self::UnknownName,
            "scenario.unknown_name",
            "A word that names nothing here: no topology, region, metric, profile or kind of fault is called so.",
            "The message names the nearest, or all that there are.",
        ),
        (
            Self::NotAvailable,
            "scenario.not_available",
            "It is known, and not available in this version.",
            "The message says what to do instead.",
        ),
        (
            Self::Override,
            "scenario.override",
            "A `--set` has no `=`, is no path of keys, or leads through something that has no keys.",
            "Write `--set key=value`, as in `--set ledger.replicas=7` or `--set faults[0].at=5s`.",
        ),
        (
            Self::Refused,
            "scenario.refused",
            "It is well-formed, and yet it cannot be: two things do not go together, or nothing would come of it.",
            "The message says what does not fit and what would.",
        ),
    ];

    /// What programs tell it apart by. Codes are never renamed.
    pub fn code(self) -> &'static str {
        Self::ALL.iter().find(|(kind, ..)| *kind == self).map_or("scenario.refused", |(_, code, ..)| code)
    }
}
