//! The ONNX messages we write, by the field numbers of `onnx.proto`.
//!
//! Only types and their bytes: what a graph means is the business of the modules beside this one.

use super::protobuf::Message;

/// The version of the ONNX file format: the one that came with `ai.onnx.ml` 5.
const IR_VERSION: i64 = 10;
/// Standard operators: as old as possible, so that older runtimes load the file.
const OPERATORS: i64 = 18;
/// Operators of classic machine learning: 5 is the first with tree ensembles in double precision.
const ML_OPERATORS: i64 = 5;
/// The domain of those.
pub const ML_DOMAIN: &str = "ai.onnx.ml";

/// Types of tensor elements, by their numbers in ONNX.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElementType {
    /// `float`.
    F32 = 1,
    /// `int64`.
    I64 = 7,
    /// `string`.
    Text = 8,
    /// `double`.
    F64 = 11,
}

/// A constant tensor.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// `float`.
    F32(Vec<f32>),
    /// `double`.
    F64(Vec<f64>),
    /// `int64`.
    I64(Vec<i64>),
    /// `uint8`.
    U8(Vec<u8>),
    /// `string`.
    Text(Vec<String>),
}

/// A constant tensor with its shape; no dimensions = a single value.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Shape.
    pub dims: Vec<usize>,
    /// Values, row-major.
    pub values: Values,
}

impl Tensor {
    /// A single value.
    pub fn scalar(values: Values) -> Self {
        Self {
            dims: Vec::new(),
            values,
        }
    }
    /// A list.
    pub fn list(values: Values) -> Self {
        Self {
            dims: vec![values.len()],
            values,
        }
    }
    /// A table of one row, which applies to every row of another table.
    pub fn row(values: Values) -> Self {
        Self {
            dims: vec![1, values.len()],
            values,
        }
    }
    fn message(&self, name: &str) -> Message {
        let mut message = Message::new();
        let dims: Vec<i64> = self.dims.iter().map(|&d| d as i64).collect();
        message.ints(1, &dims);
        let (data_type, raw): (i64, Vec<u8>) = match &self.values {
            Values::F32(v) => (1, v.iter().flat_map(|v| v.to_le_bytes()).collect()),
            Values::U8(v) => (2, v.clone()),
            Values::I64(v) => (7, v.iter().flat_map(|v| v.to_le_bytes()).collect()),
            Values::F64(v) => (11, v.iter().flat_map(|v| v.to_le_bytes()).collect()),
            Values::Text(v) => {
                message.int(2, 8);
                for text in v {
                    message.text(6, text);
                }
                message.text(8, name);
                return message;
            }
        };
        message.int(2, data_type).text(8, name).bytes(9, &raw);
        message
    }
}

impl Values {
    fn len(&self) -> usize {
        match self {
            Values::F32(v) => v.len(),
            Values::F64(v) => v.len(),
            Values::I64(v) => v.len(),
            Values::U8(v) => v.len(),
            Values::Text(v) => v.len(),
        }
    }
}

/// A setting of a node.
#[derive(Clone, Debug, PartialEq)]
pub enum Attribute {
    /// A whole number.
    Int(i64),
    /// Whole numbers.
    Ints(Vec<i64>),
    /// Texts.
    Texts(Vec<String>),
    /// A tensor.
    Tensor(Tensor),
}

impl Attribute {
    fn message(&self, name: &str) -> Message {
        let mut message = Message::new();
        message.text(1, name);
        match self {
            Attribute::Int(v) => message.int(3, *v).int(20, 2),
            Attribute::Ints(v) => message.ints(8, v).int(20, 7),
            Attribute::Texts(v) => {
                for text in v {
                    message.text(9, text);
                }
                message.int(20, 8)
            }
            Attribute::Tensor(v) => message.message(5, v.message("")).int(20, 4),
        };
        message
    }
}

/// A computation step.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The operator.
    pub operator: &'static str,
    /// Its domain; empty for the standard one.
    pub domain: &'static str,
    /// Names of what it takes.
    pub inputs: Vec<String>,
    /// Names of what it gives.
    pub outputs: Vec<String>,
    /// A name for people, which also stands in a runtime's errors.
    pub name: String,
    /// Its settings.
    pub attributes: Vec<(&'static str, Attribute)>,
}

impl Node {
    fn message(&self) -> Message {
        let mut message = Message::new();
        for input in &self.inputs {
            message.text(1, input);
        }
        for output in &self.outputs {
            message.text(2, output);
        }
        message.text(3, &self.name).text(4, self.operator);
        for (name, attribute) in &self.attributes {
            message.message(5, attribute.message(name));
        }
        if !self.domain.is_empty() {
            message.text(7, self.domain);
        }
        message
    }
}

/// An input or output of the graph: one value a row.
#[derive(Clone, Debug, PartialEq)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// Type of its values.
    pub element: ElementType,
}

impl Port {
    fn message(&self) -> Message {
        let (mut dimension, mut shape) = (Message::new(), Message::new());
        dimension.text(2, "N");
        shape.message(1, dimension);
        let (mut tensor, mut kind, mut message) = (Message::new(), Message::new(), Message::new());
        tensor.int(1, self.element as i64).message(2, shape);
        kind.message(1, tensor);
        message.text(1, &self.name).message(2, kind);
        message
    }
}

/// A whole graph.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    /// Its name.
    pub name: String,
    /// Steps in an order in which they can run.
    pub nodes: Vec<Node>,
    /// Constants by name.
    pub constants: Vec<(String, Tensor)>,
    /// Inputs.
    pub inputs: Vec<Port>,
    /// Outputs.
    pub outputs: Vec<Port>,
}

impl Graph {
    fn message(&self) -> Message {
        let mut message = Message::new();
        for node in &self.nodes {
            message.message(1, node.message());
        }
        message.text(2, &self.name);
        for (name, tensor) in &self.constants {
            message.message(5, tensor.message(name));
        }
        for input in &self.inputs {
            message.message(11, input.message());
        }
        for output in &self.outputs {
            message.message(12, output.message());
        }
        message
    }
    /// The bytes of a model file with this graph, a description and facts by name.
    pub fn to_model(&self, description: &str, facts: &[(&str, String)]) -> Vec<u8> {
        let mut message = Message::new();
        message
            .int(1, IR_VERSION)
            .text(2, "netsec")
            .text(3, env!("CARGO_PKG_VERSION"))
            .text(6, description)
            .message(7, self.message());
        for (domain, version) in [("", OPERATORS), (ML_DOMAIN, ML_OPERATORS)] {
            let mut operators = Message::new();
            operators.text(1, domain).int(2, version);
            message.message(8, operators);
        }
        for (key, value) in facts {
            let mut fact = Message::new();
            fact.text(1, key).text(2, value);
            message.message(14, fact);
        }
        message.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes `onnx.helper` makes of the same messages, up to the order of fields.
    #[test]
    fn messages_byte_by_byte() {
        let tensor = Tensor::row(Values::F32(vec![1.0, -2.0]));
        assert_eq!(
            tensor.message("c").into_bytes(),
            b"\x0a\x02\x01\x02\x10\x01\x42\x01c\x4a\x08\x00\x00\x80\x3f\x00\x00\x00\xc0"
        );
        let texts = Tensor::list(Values::Text(vec!["a".into(), "".into()]));
        assert_eq!(
            texts.message("t").into_bytes(),
            b"\x0a\x01\x02\x10\x08\x32\x01a\x32\x00\x42\x01t"
        );
        let node = Node {
            operator: "Cast",
            domain: "",
            inputs: vec!["x".into()],
            outputs: vec!["y".into()],
            name: "n".into(),
            attributes: vec![("to", Attribute::Int(11))],
        };
        assert_eq!(
            node.message().into_bytes(),
            b"\x0a\x01x\x12\x01y\x1a\x01n\x22\x04Cast\x2a\x09\x0a\x02to\x18\x0b\xa0\x01\x02"
        );
        let port = Port {
            name: "x".into(),
            element: ElementType::F64,
        };
        assert_eq!(
            port.message().into_bytes(),
            b"\x0a\x01x\x12\x0b\x0a\x09\x08\x0b\x12\x05\x0a\x03\x12\x01N"
        );
    }
}
