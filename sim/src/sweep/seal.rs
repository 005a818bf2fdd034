//! A checksum as the last field of a JSON object: what was cut off or changed on the way is refused by name, never read.

/// What stands before the checksum, which ends the file.
const SEAL: &str = "\"checksum\":\"";

/// An object, in any layout, with a checksum of all that is before it.
///
/// # Panics
/// If the text is no object, or an empty one.
pub fn seal(object: &str) -> String {
    let open = object.trim_end().strip_suffix('}').expect("an object ends so").trim_end();
    assert!(!open.ends_with('{'), "an empty object says nothing");
    let open = format!("{open},{SEAL}");
    format!("{open}{}\"}}\n", blake3::hash(open.as_bytes()).to_hex())
}

/// The text of a file that [`seal`] made; the object in it has one field more, `checksum`.
///
/// # Errors
/// In words.
pub fn sealed(bytes: &[u8]) -> Result<&str, &'static str> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not text")?;
    let end = text.rfind(SEAL).map(|at| at + SEAL.len()).ok_or("it has no checksum")?;
    match text[end..] == format!("{}\"}}\n", blake3::hash(&bytes[..end]).to_hex()) {
        true => Ok(text),
        false => Err("its checksum does not match"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_changed_is_refused() {
        for object in ["{\"a\":1}", "{\n  \"a\": [1, 2]\n}\n"] {
            let text = seal(object);
            assert_eq!(sealed(text.as_bytes()), Ok(text.as_str()));
            let value: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!((value.as_object().unwrap().len(), value["checksum"].is_string()), (2, true));
            for at in 0..text.len() {
                let mut bytes = text.clone().into_bytes();
                bytes[at] ^= 1;
                assert!(sealed(&bytes).is_err(), "byte {at}");
                assert!(sealed(&text.as_bytes()[..at]).is_err(), "cut at {at}");
            }
        }
        assert_eq!(sealed(b"{}"), Err("it has no checksum"));
        assert_eq!(sealed(b"\xff"), Err("it is not text"));
    }
}
