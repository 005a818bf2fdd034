//! GS1 keys with their check digits (GS1 General Specifications, 7.9), as canonical GS1 Digital Link URIs
//! (GS1 Digital Link 1.3: URI syntax) under `id.gs1.org`.

use crate::document::json::{Put, digits};

/// The check digit of a key's other digits: weights 3 and 1 from the right, up to a multiple of ten.
pub const fn check_digit(mut others: u64) -> u64 {
    let (mut sum, mut weight) = (0, 3);
    while others > 0 {
        sum += others % 10 * weight;
        others /= 10;
        weight = 4 - weight;
    }
    (10 - sum % 10) % 10
}

macro_rules! keys {
    ($($(#[$doc:meta])* $name:ident: $others:literal digits and a check digit;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u64);

        impl $name {
            /// From the digits before the check digit; `None` if they are too many.
            pub const fn new(others: u64) -> Option<Self> {
                if others >= 10u64.pow($others) { None } else { Some(Self(others)) }
            }

            fn write(self, out: &mut String) {
                digits(out, self.0, $others);
                digits(out, check_digit(self.0), 1);
            }

            /// All of its digits.
            pub fn text(self) -> String {
                let mut text = String::new();
                self.write(&mut text);
                text
            }
        }
    )*};
}

keys!(
    /// Trade item number of 14 digits: indicator, company prefix and item, check digit.
    Gtin: 13 digits and a check digit;
    /// Shipping container code of 18 digits: extension, company prefix and serial reference, check digit.
    Sscc: 17 digits and a check digit;
    /// Location number of 13 digits: company prefix and location, check digit.
    Gln: 12 digits and a check digit;
);

/// Whether a serial number can stand for itself in a URI and in a GS1 element string: 1 to 20 letters and digits.
pub fn is_serial(serial: &str) -> bool {
    (1..=20).contains(&serial.len()) && serial.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// A serialised thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Epc<'a> {
    /// A pack: trade item and serial number (see [`is_serial`]).
    Sgtin(Gtin, &'a str),
    /// A case or pallet.
    Sscc(Sscc),
}

impl Epc<'_> {
    /// Its URI, without quotes.
    pub fn write(self, out: &mut String) {
        match self {
            Self::Sgtin(gtin, serial) => {
                out.push_str("https://id.gs1.org/01/");
                gtin.write(out);
                out.push_str("/21/");
                out.push_str(serial);
            }
            Self::Sscc(sscc) => {
                out.push_str("https://id.gs1.org/00/");
                sscc.write(out);
            }
        }
    }

    /// Its URI.
    pub fn uri(self) -> String {
        let mut text = String::with_capacity(64);
        self.write(&mut text);
        text
    }
}

/// URI of a lot: all packs of a trade item that share its number. See [`encoded`].
pub fn lot_uri(gtin: Gtin, lot: &str) -> String {
    format!("https://id.gs1.org/01/{}/10/{lot}", gtin.text())
}

/// A serial or lot number as a URI has it: what is not unreserved (RFC 3986, 2.3) as its bytes in hexadecimal.
pub fn encoded(code: &[u8]) -> String {
    let mut text = String::with_capacity(code.len());
    for byte in code {
        match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' | b'~' => {
                text.push(char::from(*byte))
            }
            _ => text.extend(format!("%{byte:02X}").chars()),
        }
    }
    text
}

impl Put for Epc<'_> {
    fn put(&self, out: &mut String) {
        out.push('"');
        self.write(out);
        out.push('"');
    }
}

impl Gln {
    /// URI of the place.
    pub fn place(self) -> String {
        format!("https://id.gs1.org/414/{}", self.text())
    }

    /// URI of the party.
    pub fn party(self) -> String {
        format!("https://id.gs1.org/417/{}", self.text())
    }
}

impl Put for Gln {
    fn put(&self, out: &mut String) {
        self.place().put(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits_are_those_of_published_examples() {
        // GS1 General Specifications, figure 7.9-1 and the example of its SSCC; a book's EAN-13.
        assert_eq!(check_digit(629_104_150_021), 3);
        assert_eq!(check_digit(37_610_425_002_123_456), 9);
        assert_eq!(check_digit(978_030_640_615), 7);
        assert_eq!(check_digit(0), 0);
    }

    #[test]
    fn keys_have_their_length() {
        assert_eq!(Gtin::new(629_104_150_021).unwrap().text(), "06291041500213");
        assert_eq!(Sscc::new(37_610_425_002_123_456).unwrap().text(), "376104250021234569");
        assert_eq!(Gln::new(1).unwrap().text(), "0000000000017");
        assert_eq!(Gtin::new(10_000_000_000_000), None);
        let pack = Epc::Sgtin(Gtin::new(629_104_150_021).unwrap(), "A1");
        assert_eq!(pack.uri(), "https://id.gs1.org/01/06291041500213/21/A1");
        assert_eq!(
            lot_uri(Gtin::new(629_104_150_021).unwrap(), &encoded(b"L/1")),
            "https://id.gs1.org/01/06291041500213/10/L%2F1"
        );
        assert!(is_serial("A1") && !is_serial("") && !is_serial("a/b") && !is_serial(&"1".repeat(21)));
    }
}
