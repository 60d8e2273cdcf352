//! The `_id` of an imported row: 4 bytes time, 4 bytes of the file's digest, 4 bytes row number,
//! all big-endian, so that the order of `_id` is the order of the imports and, inside one, the
//! order of the file.

use mongodb::bson::oid::ObjectId;

/// The ids of all rows of one file in one collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct IdRange {
    prefix: [u8; 8],
}

impl IdRange {
    /// The ids of a file with this SHA-256 (hex), first imported at `time` (seconds).
    pub fn new(time: u32, sha256: &str) -> Self {
        let mut prefix = [0; 8];
        prefix[..4].copy_from_slice(&time.to_be_bytes());
        for (at, byte) in prefix[4..].iter_mut().enumerate() {
            let hex = sha256.get(2 * at..2 * at + 2).unwrap_or("00");
            *byte = u8::from_str_radix(hex, 16).unwrap_or(0);
        }
        Self { prefix }
    }
    /// The id of a row, counted from 0.
    pub fn id(&self, row: u32) -> ObjectId {
        let mut bytes = [0; 12];
        bytes[..8].copy_from_slice(&self.prefix);
        bytes[8..].copy_from_slice(&row.to_be_bytes());
        ObjectId::from_bytes(bytes)
    }
    /// The row of an id of this file.
    pub fn row(&self, id: ObjectId) -> Option<u32> {
        let bytes = id.bytes();
        let (prefix, row) = bytes.split_at(8);
        let row: [u8; 4] = row.try_into().ok()?;
        (prefix == self.prefix).then(|| u32::from_be_bytes(row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_id_is_time_digest_and_row() {
        let range = IdRange::new(0x6543_2100, "a1b2c3d4e5f6");
        assert_eq!(range.id(258).to_hex(), "65432100a1b2c3d400000102");
        assert_eq!(range.row(range.id(258)), Some(258));
        assert_eq!(range.row(IdRange::new(1, "a1b2c3d4").id(0)), None);
    }

    proptest! {
        #[test]
        fn ids_are_ordered_by_import_then_by_row(
            a in any::<(u32, u32)>(), b in any::<(u32, u32)>(), same in any::<bool>(),
        ) {
            let time = if same { a.0 } else { b.0 };
            let (first, second) = (IdRange::new(a.0, "00ff00ff"), IdRange::new(time, "00ff00ff"));
            prop_assert_eq!(
                first.id(a.1).bytes().cmp(&second.id(b.1).bytes()),
                (a.0, a.1).cmp(&(time, b.1))
            );
        }
    }
}
