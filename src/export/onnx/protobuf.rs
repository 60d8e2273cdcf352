//! Protocol Buffers' wire format, as far as ONNX needs it: writing.
//!
//! A message is a run of fields; a field is a key (number and wire type) and a value. Fields are
//! written in the order of the calls, so the same calls give the same bytes.

/// Wire type of whole numbers.
const VARINT: u64 = 0;
/// Wire type of texts, bytes, messages and packed lists.
const LENGTH_DELIMITED: u64 = 2;

/// A message being written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message(Vec<u8>);

impl Message {
    /// An empty message.
    pub fn new() -> Self {
        Self::default()
    }
    /// The bytes.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
    /// A whole number; negative ones take ten bytes, as `int64` prescribes.
    pub fn int(&mut self, field: u32, value: i64) -> &mut Self {
        self.key(field, VARINT);
        varint(&mut self.0, value.cast_unsigned());
        self
    }
    /// Bytes.
    pub fn bytes(&mut self, field: u32, value: &[u8]) -> &mut Self {
        self.key(field, LENGTH_DELIMITED);
        varint(&mut self.0, value.len() as u64);
        self.0.extend_from_slice(value);
        self
    }
    /// A text.
    pub fn text(&mut self, field: u32, value: &str) -> &mut Self {
        self.bytes(field, value.as_bytes())
    }
    /// A message within.
    pub fn message(&mut self, field: u32, value: Message) -> &mut Self {
        self.bytes(field, &value.0)
    }
    /// A list of whole numbers, packed; an empty one is not written.
    pub fn ints(&mut self, field: u32, values: &[i64]) -> &mut Self {
        if values.is_empty() {
            return self;
        }
        let mut packed = Vec::with_capacity(values.len());
        for value in values {
            varint(&mut packed, value.cast_unsigned());
        }
        self.bytes(field, &packed)
    }
    fn key(&mut self, field: u32, wire_type: u64) {
        varint(&mut self.0, u64::from(field) << 3 | wire_type);
    }
}

/// Seven bits a byte, the lowest first; the top bit says that more follow.
fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_examples_of_the_format_description() {
        // Field 1 = 150; field 2 = "testing"; field 3 = a message with field 1 = 150; field 6 =
        // packed [3, 270, 86942]; -1 as int64.
        let mut inner = Message::new();
        inner.int(1, 150);
        assert_eq!(inner.0, [0x08, 0x96, 0x01]);
        let mut text = Message::new();
        text.text(2, "testing");
        assert_eq!(text.0, *b"\x12\x07testing");
        let mut outer = Message::new();
        outer.message(3, inner);
        assert_eq!(outer.0, [0x1a, 0x03, 0x08, 0x96, 0x01]);
        let mut packed = Message::new();
        packed.ints(6, &[3, 270, 86942]).ints(7, &[]);
        assert_eq!(packed.0, [0x32, 0x06, 0x03, 0x8e, 0x02, 0x9e, 0xa7, 0x05]);
        let mut negative = Message::new();
        negative.int(1, -1);
        assert_eq!(
            negative.0,
            [
                0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01
            ]
        );
    }

    /// A field as a reader sees it.
    #[derive(Clone, Debug, PartialEq)]
    enum Field {
        Int(u32, i64),
        Bytes(u32, Vec<u8>),
    }

    fn read_varint(bytes: &mut &[u8]) -> u64 {
        let mut value = 0;
        for shift in (0..).step_by(7) {
            let (first, rest) = bytes.split_first().expect("a whole number");
            *bytes = rest;
            value |= u64::from(first & 0x7f) << shift;
            if first & 0x80 == 0 {
                break;
            }
        }
        value
    }

    fn read(mut bytes: &[u8]) -> Vec<Field> {
        let mut fields = Vec::new();
        while !bytes.is_empty() {
            let key = read_varint(&mut bytes);
            let number = (key >> 3) as u32;
            fields.push(match key & 7 {
                0 => Field::Int(number, read_varint(&mut bytes).cast_signed()),
                2 => {
                    let length = read_varint(&mut bytes) as usize;
                    let (value, rest) = bytes.split_at(length);
                    bytes = rest;
                    Field::Bytes(number, value.to_vec())
                }
                other => panic!("wire type {other}"),
            });
        }
        fields
    }

    fn field() -> impl Strategy<Value = Field> {
        let number = 1_u32..(1 << 29);
        prop_oneof![
            (number.clone(), any::<i64>()).prop_map(|(n, v)| Field::Int(n, v)),
            (number, prop::collection::vec(any::<u8>(), 0..300))
                .prop_map(|(n, v)| Field::Bytes(n, v)),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(fields in prop::collection::vec(field(), 0..20)) {
            let mut message = Message::new();
            for field in &fields {
                match field {
                    Field::Int(n, v) => message.int(*n, *v),
                    Field::Bytes(n, v) => message.bytes(*n, v),
                };
            }
            prop_assert_eq!(read(&message.into_bytes()), fields);
        }

        #[test]
        fn packed_lists_read_back(values in prop::collection::vec(any::<i64>(), 1..50)) {
            let mut message = Message::new();
            message.ints(8, &values);
            let bytes = message.into_bytes();
            let fields = read(&bytes);
            let [Field::Bytes(8, packed)] = fields.as_slice() else {
                panic!("not a list");
            };
            let mut rest = packed.as_slice();
            let mut back = Vec::new();
            while !rest.is_empty() {
                back.push(read_varint(&mut rest).cast_signed());
            }
            prop_assert_eq!(back, values);
        }
    }
}
