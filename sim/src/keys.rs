//! Every key of a scenario: what it means, its unit, its range, what is so without it, and an example.
//!
//! The table describes what the validator reads; `amanah schema`, `amanah explain` and the scenario reference are made of it.
//! It decides nothing. That both agree, key by key, with units, ranges, choices and defaults, is held by a test, which
//! listens to the validator while it reads (`plan/validate/tests/keys.rs`).

mod faults;
mod ledger;
mod network;
mod root;
mod workloads;

use crate::scenario::units;

pub use root::ROOT;

/// One key of a map.
#[derive(Debug)]
pub struct Key {
    /// As it is written.
    pub name: &'static str,
    /// What its value looks like.
    pub form: Form,
    /// Whether it must be there.
    pub need: Need,
    /// A value, in YAML.
    pub example: &'static str,
    /// One or two sentences for people.
    pub meaning: &'static str,
}

/// Whether a key must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Always.
    Required,
    /// Without it, it is as if this were written.
    Default(&'static str),
    /// Without it there is none.
    Optional,
    /// At least one of the keys of its map that are marked like this.
    OneOf,
}

/// What a value looks like.
#[derive(Debug)]
pub enum Form {
    /// A number with its unit, and the least and greatest that is accepted, as the validator says them.
    Quantity(Quantity, Option<(&'static str, &'static str)>),
    /// One of these words; each with its meaning.
    Choice(&'static [(&'static str, &'static str)]),
    /// Text of this pattern.
    Text(&'static str),
    /// A map with these keys.
    Map(&'static [Key]),
    /// A map with exactly one of these keys.
    Single(&'static [Key]),
    /// A list of these.
    List(&'static Form),
    /// One of these.
    Either(&'static [Form]),
    /// A map of key paths, each with a list of values.
    Paths,
}

/// Kinds of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// `250ms`
    Duration,
    /// `4KiB`
    Size,
    /// `2000/s`
    Rate,
    /// `30%`
    Share,
    /// `200k`
    Count,
    /// `7`
    Integer,
    /// `2.5`
    Factor,
    /// `50ppm`
    Drift,
    /// `1GB/s`
    BytesPerSecond,
    /// `10Gbit/s`
    BitsPerSecond,
    /// `8ms + 1ms`
    Delay,
}

impl Quantity {
    /// What the validator says that it expects.
    pub const fn expected(self) -> &'static str {
        match self {
            Self::Duration => units::DURATION.expected,
            Self::Size => units::SIZE.expected,
            Self::Rate => units::RATE.expected,
            Self::Share => units::SHARE.expected,
            Self::Count => units::COUNT.expected,
            Self::Integer => units::INTEGER.expected,
            Self::Factor => units::FACTOR.expected,
            Self::Drift => units::DRIFT.expected,
            Self::BytesPerSecond => units::BYTES_PER_SECOND.expected,
            Self::BitsPerSecond => units::BITS_PER_SECOND.expected,
            Self::Delay => units::DELAY.expected,
        }
    }

    /// The kind in a word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Duration => "duration",
            Self::Size => "size",
            Self::Rate => "rate",
            Self::Share => "share",
            Self::Count => "whole number",
            Self::Integer => "integer",
            Self::Factor => "number",
            Self::Drift => "drift",
            Self::BytesPerSecond => "bytes a second",
            Self::BitsPerSecond => "bits a second",
            Self::Delay => "delay",
        }
    }
}

impl Form {
    /// In a few words: what to write there.
    pub fn words(&self) -> String {
        match self {
            Self::Quantity(quantity, None) => quantity.name().to_owned(),
            Self::Quantity(quantity, Some((least, most))) => {
                format!("{}, {least} to {most}", quantity.name())
            }
            Self::Choice(names) => {
                names.iter().map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(", ")
            }
            Self::Text(_) => "text".to_owned(),
            Self::Map(_) => "map".to_owned(),
            Self::Single(_) => "map with one key".to_owned(),
            Self::Paths => "map of key paths, each with a list".to_owned(),
            Self::List(item) => format!("list: {}", item.words()),
            Self::Either(forms) => forms.iter().map(Form::words).collect::<Vec<_>>().join("; or "),
        }
    }

    /// Every key right below, lists and alternatives looked through; with what they add to its path.
    pub fn children(&self) -> Vec<(&'static str, &'static Key)> {
        match self {
            Self::Map(keys) | Self::Single(keys) => keys.iter().map(|key| ("", key)).collect(),
            Self::List(item) => {
                let below = item.children();
                below.into_iter().map(|(_, key)| ("[]", key)).collect()
            }
            Self::Either(forms) => forms.iter().flat_map(Form::children).collect(),
            Self::Quantity(..) | Self::Choice(_) | Self::Text(_) | Self::Paths => Vec::new(),
        }
    }

    /// Every alternative that is none itself, lists looked through.
    pub fn leaves(&self) -> Vec<&Form> {
        match self {
            Self::Either(forms) => forms.iter().flat_map(Form::leaves).collect(),
            Self::List(item) => item.leaves(),
            Self::Quantity(..)
            | Self::Choice(_)
            | Self::Text(_)
            | Self::Map(_)
            | Self::Single(_)
            | Self::Paths => {
                vec![self]
            }
        }
    }
}

/// A key and where it stands: `faults[].crash.disk`.
#[derive(Clone, Debug)]
pub struct Placed {
    /// Keys joined with dots; `[]` is an item of a list.
    pub path: String,
    /// The key.
    pub key: &'static Key,
    /// From the outermost to the one above it.
    pub above: Vec<&'static Key>,
}

/// Every key with its path, in the order of the tables.
pub fn all() -> Vec<Placed> {
    fn walk(
        prefix: &str,
        above: &[&'static Key],
        keys: Vec<(&'static str, &'static Key)>,
        all: &mut Vec<Placed>,
    ) {
        for (list, key) in keys {
            let path = match prefix {
                "" => key.name.to_owned(),
                _ => format!("{prefix}{list}.{}", key.name),
            };
            all.push(Placed { path: path.clone(), key, above: above.to_vec() });
            let mut inside = above.to_vec();
            inside.push(key);
            walk(&path, &inside, key.form.children(), all);
        }
    }
    let mut found = Vec::new();
    walk("", &[], ROOT.iter().map(|key| ("", key)).collect(), &mut found);
    found
}

/// A path without the marks and indices of lists, as people ask for it.
pub fn plain(path: &str) -> String {
    let mut plain = String::new();
    let mut inside = false;
    for c in path.chars() {
        match c {
            '[' => inside = true,
            ']' => inside = false,
            _ if !inside => plain.push(c),
            _ => {}
        }
    }
    plain
}

const fn required(name: &'static str, form: Form, example: &'static str, meaning: &'static str) -> Key {
    Key { name, form, need: Need::Required, example, meaning }
}

/// With a default, which is an example too.
const fn default(name: &'static str, form: Form, value: &'static str, meaning: &'static str) -> Key {
    Key { name, form, need: Need::Default(value), example: value, meaning }
}

const fn optional(name: &'static str, form: Form, example: &'static str, meaning: &'static str) -> Key {
    Key { name, form, need: Need::Optional, example, meaning }
}

const fn one_of(name: &'static str, form: Form, example: &'static str, meaning: &'static str) -> Key {
    Key { name, form, need: Need::OneOf, example, meaning }
}

const fn count(least: &'static str, most: &'static str) -> Form {
    Form::Quantity(Quantity::Count, Some((least, most)))
}

const fn duration(least: &'static str, most: &'static str) -> Form {
    Form::Quantity(Quantity::Duration, Some((least, most)))
}

const fn size(least: &'static str, most: &'static str) -> Form {
    Form::Quantity(Quantity::Size, Some((least, most)))
}

const fn share(most: &'static str) -> Form {
    Form::Quantity(Quantity::Share, Some(("0", most)))
}

/// A share of the whole.
const SHARE: Form = Form::Quantity(Quantity::Share, None);
/// A name out of the file itself.
const WORD: Form = Form::Text(r"\S");
/// Replicas by their numbers.
const NUMBERS: Form = Form::List(&Form::Quantity(Quantity::Integer, None));
const WORDS: Form = Form::List(&WORD);
