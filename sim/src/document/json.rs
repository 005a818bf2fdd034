//! JSON text, written straight through: keys in the order in which they are put, no tree, no floats.
//!
//! FHIR forbids empty lists, empty objects and empty text, so what is empty is left out; a [`Decimal`] keeps the digits
//! that it was given (FHIR R4, 2.24.0.1: the precision of a decimal is significant).

use std::fmt::Write as _;

/// A value that writes itself.
pub trait Put {
    /// Appends it.
    fn put(&self, out: &mut String);
}

/// A number of `units` of 10^-`scale`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    /// How many.
    pub units: i64,
    /// Digits after the point, at most 18.
    pub scale: u8,
}

impl Decimal {
    /// A whole number.
    pub const fn whole(units: i64) -> Self {
        Self { units, scale: 0 }
    }

    /// Hundredths: amounts of money.
    pub const fn hundredths(units: i64) -> Self {
        Self { units, scale: 2 }
    }
}

impl Put for Decimal {
    fn put(&self, out: &mut String) {
        let divisor = 10u64.pow(u32::from(self.scale.min(18)));
        let size = self.units.unsigned_abs();
        if self.units < 0 {
            out.push('-');
        }
        digits(out, size / divisor, 1);
        if self.scale > 0 {
            out.push('.');
            digits(out, size % divisor, usize::from(self.scale.min(18)));
        }
    }
}

/// Appends a number with leading zeros up to `width` digits, at most 20.
pub(crate) fn digits(out: &mut String, mut number: u64, width: usize) {
    let mut text = [b'0'; 20];
    let mut at = text.len();
    while number > 0 {
        at -= 1;
        text[at] = b'0' + (number % 10) as u8;
        number /= 10;
    }
    let at = at.min(text.len() - width.min(text.len()));
    out.extend(text[at..].iter().map(|digit| char::from(*digit)));
}

impl Put for u64 {
    fn put(&self, out: &mut String) {
        digits(out, *self, 1);
    }
}

impl Put for bool {
    fn put(&self, out: &mut String) {
        out.push_str(if *self { "true" } else { "false" });
    }
}

impl Put for str {
    fn put(&self, out: &mut String) {
        out.push('"');
        let mut plain = 0;
        for (at, byte) in self.bytes().enumerate() {
            if byte >= 0x20 && byte != b'"' && byte != b'\\' {
                continue;
            }
            out.push_str(&self[plain..at]);
            plain = at + 1;
            match byte {
                b'"' => out.push_str("\\\""),
                b'\\' => out.push_str("\\\\"),
                b'\n' => out.push_str("\\n"),
                _ => {
                    let _ = write!(out, "\\u{byte:04x}");
                }
            }
        }
        out.push_str(&self[plain..]);
        out.push('"');
    }
}

impl Put for String {
    fn put(&self, out: &mut String) {
        self.as_str().put(out);
    }
}

impl<T: Put + ?Sized> Put for &T {
    fn put(&self, out: &mut String) {
        (**self).put(out);
    }
}

/// An object under construction.
#[derive(Debug)]
pub struct Object<'a> {
    out: &'a mut String,
    empty: bool,
}

/// Appends an object.
pub fn object(out: &mut String, fill: impl FnOnce(&mut Object<'_>)) {
    out.push('{');
    fill(&mut Object { out, empty: true });
    out.push('}');
}

impl Object<'_> {
    /// Where the next value goes. Whoever writes there writes exactly one value.
    pub fn key(&mut self, key: &str) -> &mut String {
        if !self.empty {
            self.out.push(',');
        }
        self.empty = false;
        self.out.push('"');
        self.out.push_str(key);
        self.out.push_str("\":");
        self.out
    }

    /// A value.
    pub fn put(&mut self, key: &str, value: impl Put) -> &mut Self {
        value.put(self.key(key));
        self
    }

    /// A value, if there is one.
    pub fn maybe(&mut self, key: &str, value: Option<impl Put>) -> &mut Self {
        if let Some(value) = value {
            self.put(key, value);
        }
        self
    }

    /// Text, unless it is empty.
    pub fn text(&mut self, key: &str, value: &str) -> &mut Self {
        if !value.is_empty() {
            self.put(key, value);
        }
        self
    }

    /// An object.
    pub fn object(&mut self, key: &str, fill: impl FnOnce(&mut Object<'_>)) -> &mut Self {
        object(self.key(key), fill);
        self
    }

    /// A list of values, unless it is empty.
    pub fn list<T: Put>(&mut self, key: &str, items: impl IntoIterator<Item = T>) -> &mut Self {
        self.each(key, items, |item, out| item.put(out))
    }

    /// A list of objects, unless it is empty.
    pub fn objects<T>(
        &mut self,
        key: &str,
        items: impl IntoIterator<Item = T>,
        fill: impl Fn(T, &mut Object<'_>),
    ) -> &mut Self {
        self.each(key, items, |item, out| object(out, |o| fill(item, o)))
    }

    fn each<T>(
        &mut self,
        key: &str,
        items: impl IntoIterator<Item = T>,
        put: impl Fn(T, &mut String),
    ) -> &mut Self {
        let mut items = items.into_iter().peekable();
        if items.peek().is_none() {
            return self;
        }
        let out = self.key(key);
        out.push('[');
        while let Some(item) = items.next() {
            put(item, out);
            if items.peek().is_some() {
                out.push(',');
            }
        }
        out.push(']');
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: impl Put) -> String {
        let mut out = String::new();
        value.put(&mut out);
        out
    }

    #[test]
    fn decimals_keep_their_digits() {
        let cases = [(0, 0, "0"), (70, 1, "7.0"), (-5, 2, "-0.05"), (12_345, 3, "12.345"), (9, 0, "9")];
        for (units, scale, written) in cases {
            assert_eq!(text(Decimal { units, scale }), written);
        }
        assert_eq!(text(u64::MAX), "18446744073709551615");
    }

    #[test]
    fn text_reads_back() {
        for value in ["", "plain", "a \"b\" \\ \n \u{1} ü", "\"", "\u{7f}"] {
            assert_eq!(serde_json::from_str::<String>(&text(value)).unwrap(), value);
        }
    }

    #[test]
    fn what_is_empty_is_left_out() {
        let mut out = String::new();
        object(&mut out, |o| {
            o.text("a", "").list("b", [0u64; 0]).list("c", [1u64, 2]).maybe("d", None::<bool>);
            o.objects("e", [true, false], |flag, o| {
                o.put("f", flag);
            });
        });
        assert_eq!(out, r#"{"c":[1,2],"e":[{"f":true},{"f":false}]}"#);
    }
}
