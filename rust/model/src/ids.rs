//! How numbers become the ids in raw text, and back: base-62 URIs, UUIDs, hexadecimal sessions.
//!
//! The parsers take the canonical form only; forgiving parsers belong to the kernels, which note what they repaired.

/// Digits of a base-62 id, in the order of their value.
pub const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Length of a 64-bit id in base 62: 62^11 > 2^64 > 62^10.
pub const BASE62_LEN: usize = 11;

/// What stands before the id of a track.
pub const TRACK_PREFIX: &str = "downbeat:track:";

/// What stands before the id of a playlist.
pub const PLAYLIST_PREFIX: &str = "downbeat:playlist:";

/// Writes `id` as eleven base-62 digits, most significant first.
pub fn base62(mut id: u64) -> [u8; BASE62_LEN] {
    let mut digits = [b'0'; BASE62_LEN];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[(id % 62) as usize];
        id /= 62;
    }
    digits
}

/// The value of each byte as a base-62 digit; 62 or more for what is none.
const BASE62_VALUES: [u8; 256] = {
    let mut values = [u8::MAX; 256];
    let mut value = 0;
    while value < BASE62.len() {
        values[BASE62[value] as usize] = value as u8;
        value += 1;
    }
    values
};

/// Reads eleven base-62 digits; `None` for another length, another character, or a number over 64 bits.
pub fn parse_base62(text: &[u8]) -> Option<u64> {
    let [leading @ .., last] = <&[u8; BASE62_LEN]>::try_from(text).ok()?;
    let mut worst = 0;
    let mut value = |byte: u8| {
        let value = BASE62_VALUES[usize::from(byte)];
        worst = worst.max(value);
        u64::from(value)
    };
    // 62^10 < 2^60, and what is no digit is found out at the end: only the last step can overflow.
    let id = leading.iter().fold(0u64, |id, &byte| id.wrapping_mul(62).wrapping_add(value(byte)));
    let last = value(*last);
    if worst < 62 { id.checked_mul(62)?.checked_add(last) } else { None }
}

fn uri(prefix: &str, id: u64) -> String {
    let mut text = String::with_capacity(prefix.len() + BASE62_LEN);
    text.push_str(prefix);
    text.extend(base62(id).map(char::from));
    text
}

/// The URI of a track, e.g. `downbeat:track:0000000000g`.
pub fn track_uri(id: u64) -> String {
    uri(TRACK_PREFIX, id)
}

/// The URI of a playlist.
pub fn playlist_uri(id: u64) -> String {
    uri(PLAYLIST_PREFIX, id)
}

/// The number behind a canonical track URI.
pub fn parse_track_uri(text: &str) -> Option<u64> {
    parse_base62(text.strip_prefix(TRACK_PREFIX)?.as_bytes())
}

/// The number behind a canonical playlist URI.
pub fn parse_playlist_uri(text: &str) -> Option<u64> {
    parse_base62(text.strip_prefix(PLAYLIST_PREFIX)?.as_bytes())
}

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Writes 16 bytes as a lower-case UUID with hyphens.
pub fn uuid_text(id: &[u8; 16]) -> [u8; 36] {
    let mut text = [b'-'; 36];
    let mut at = 0;
    for (i, byte) in id.iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            at += 1;
        }
        text[at] = HEX[usize::from(byte >> 4)];
        text[at + 1] = HEX[usize::from(byte & 15)];
        at += 2;
    }
    text
}

/// Writes a session id as 16 lower-case hexadecimal digits.
pub fn session_text(id: u64) -> [u8; 16] {
    std::array::from_fn(|i| HEX[(id >> (60 - 4 * i)) as usize & 15])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base62_round_trips_at_the_edges() {
        for id in [0, 1, 61, 62, u64::MAX / 2, i64::MAX as u64, u64::MAX] {
            assert_eq!(parse_base62(&base62(id)), Some(id));
        }
    }

    #[test]
    fn base62_refuses_overflow_length_and_foreign_characters() {
        assert_eq!(parse_base62(b"zzzzzzzzzzz"), None);
        assert_eq!(parse_base62(b"0"), None);
        assert_eq!(parse_base62(b"0000000000-"), None);
    }

    #[test]
    fn uuid_has_its_hyphens() {
        let id = [0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0, 1, 2, 3, 4, 5, 6, 7, 0xff];
        assert_eq!(&uuid_text(&id), b"12345678-9abc-def0-0102-0304050607ff");
    }

    #[test]
    fn session_is_sixteen_digits() {
        assert_eq!(&session_text(0xabc), b"0000000000000abc");
    }
}
