//! The messages of ONNX that matter here, written by hand for `prost`.
//!
//! Field numbers are those of `onnx.proto3` (ONNX 1.17, IR version 10). Fields left out are
//! skipped while reading. `bytes` fields are slices of the mapped file, not copies.

use bytes::Bytes;
use prost::Message;

/// `TensorProto.DataType`.
pub(crate) mod data_type {
    /// float32.
    pub(crate) const FLOAT: i32 = 1;
    /// uint8.
    pub(crate) const UINT8: i32 = 2;
    /// int8.
    pub(crate) const INT8: i32 = 3;
    /// uint16.
    pub(crate) const UINT16: i32 = 4;
    /// int16.
    pub(crate) const INT16: i32 = 5;
    /// int32.
    pub(crate) const INT32: i32 = 6;
    /// int64.
    pub(crate) const INT64: i32 = 7;
    /// bool, a byte each.
    pub(crate) const BOOL: i32 = 9;
    /// float16.
    pub(crate) const FLOAT16: i32 = 10;
    /// float64.
    pub(crate) const DOUBLE: i32 = 11;
    /// uint32.
    pub(crate) const UINT32: i32 = 12;
    /// uint64.
    pub(crate) const UINT64: i32 = 13;
    /// bfloat16.
    pub(crate) const BFLOAT16: i32 = 16;
    /// uint4, two to a byte, the first in the low nibble.
    pub(crate) const UINT4: i32 = 21;
    /// int4, two to a byte, the first in the low nibble.
    pub(crate) const INT4: i32 = 22;

    /// Bits of one element; `None` for types that have none (strings) or are unknown.
    pub(crate) fn bits(data_type: i32) -> Option<u64> {
        match data_type {
            UINT4 | INT4 => Some(4),
            UINT8 | INT8 | BOOL => Some(8),
            UINT16 | INT16 | FLOAT16 | BFLOAT16 => Some(16),
            FLOAT | INT32 | UINT32 => Some(32),
            INT64 | DOUBLE | UINT64 => Some(64),
            _ => None,
        }
    }

    /// The type's name, for messages.
    pub(crate) fn name(data_type: i32) -> &'static str {
        match data_type {
            FLOAT => "float32",
            UINT8 => "uint8",
            INT8 => "int8",
            UINT16 => "uint16",
            INT16 => "int16",
            INT32 => "int32",
            INT64 => "int64",
            BOOL => "bool",
            FLOAT16 => "float16",
            DOUBLE => "float64",
            UINT32 => "uint32",
            UINT64 => "uint64",
            BFLOAT16 => "bfloat16",
            UINT4 => "uint4",
            INT4 => "int4",
            _ => "an unknown type",
        }
    }
}

/// `AttributeProto.AttributeType`.
pub(crate) mod attribute_type {
    /// One float.
    pub(crate) const FLOAT: i32 = 1;
    /// One int64.
    pub(crate) const INT: i32 = 2;
    /// One string.
    pub(crate) const STRING: i32 = 3;
}

/// A model: its graph and what the graph is written against.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ModelProto {
    /// Version of the format.
    #[prost(int64, tag = "1")]
    pub ir_version: i64,
    /// Program that wrote the model.
    #[prost(string, tag = "2")]
    pub producer_name: String,
    /// Its version.
    #[prost(string, tag = "3")]
    pub producer_version: String,
    /// The graph.
    #[prost(message, optional, tag = "7")]
    pub graph: Option<GraphProto>,
    /// Operator sets, by domain.
    #[prost(message, repeated, tag = "8")]
    pub opset_import: Vec<OperatorSetIdProto>,
    /// Functions of the model itself, undecoded: only their absence matters here.
    #[prost(bytes = "bytes", repeated, tag = "25")]
    pub functions: Vec<Bytes>,
}

/// An operator set.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct OperatorSetIdProto {
    /// Empty for ONNX's own.
    #[prost(string, tag = "1")]
    pub domain: String,
    /// Version.
    #[prost(int64, tag = "2")]
    pub version: i64,
}

/// A graph.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct GraphProto {
    /// Nodes in execution order.
    #[prost(message, repeated, tag = "1")]
    pub node: Vec<NodeProto>,
    /// Name.
    #[prost(string, tag = "2")]
    pub name: String,
    /// Constants.
    #[prost(message, repeated, tag = "5")]
    pub initializer: Vec<TensorProto>,
    /// Inputs.
    #[prost(message, repeated, tag = "11")]
    pub input: Vec<ValueInfoProto>,
    /// Outputs.
    #[prost(message, repeated, tag = "12")]
    pub output: Vec<ValueInfoProto>,
    /// Sparse constants, undecoded: only their absence matters here.
    #[prost(bytes = "bytes", repeated, tag = "15")]
    pub sparse_initializer: Vec<Bytes>,
}

/// One application of an operator.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct NodeProto {
    /// Names of the values read; empty for an optional input left out.
    #[prost(string, repeated, tag = "1")]
    pub input: Vec<String>,
    /// Names of the values written; empty for an output not wanted.
    #[prost(string, repeated, tag = "2")]
    pub output: Vec<String>,
    /// Name.
    #[prost(string, tag = "3")]
    pub name: String,
    /// Operator.
    #[prost(string, tag = "4")]
    pub op_type: String,
    /// Attributes.
    #[prost(message, repeated, tag = "5")]
    pub attribute: Vec<AttributeProto>,
    /// Domain of the operator; empty for ONNX's own.
    #[prost(string, tag = "7")]
    pub domain: String,
}

/// A named attribute of a node.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct AttributeProto {
    /// Name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Value where `type` is FLOAT.
    #[prost(float, tag = "2")]
    pub f: f32,
    /// Value where `type` is INT.
    #[prost(int64, tag = "3")]
    pub i: i64,
    /// Value where `type` is STRING.
    #[prost(bytes = "bytes", tag = "4")]
    pub s: Bytes,
    /// Value where `type` is TENSOR.
    #[prost(message, optional, tag = "5")]
    pub t: Option<TensorProto>,
    /// A subgraph, undecoded: no operator that has one is run.
    #[prost(bytes = "bytes", optional, tag = "6")]
    pub g: Option<Bytes>,
    /// Value where `type` is FLOATS.
    #[prost(float, repeated, tag = "7")]
    pub floats: Vec<f32>,
    /// Value where `type` is INTS.
    #[prost(int64, repeated, tag = "8")]
    pub ints: Vec<i64>,
    /// Value where `type` is STRINGS.
    #[prost(bytes = "bytes", repeated, tag = "9")]
    pub strings: Vec<Bytes>,
    /// `AttributeType`.
    #[prost(int32, tag = "20")]
    pub r#type: i32,
}

/// A constant, with its data or with the place of its data.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct TensorProto {
    /// Shape, outermost first.
    #[prost(int64, repeated, tag = "1")]
    pub dims: Vec<i64>,
    /// `DataType`.
    #[prost(int32, tag = "2")]
    pub data_type: i32,
    /// Data of float32 tensors.
    #[prost(float, repeated, tag = "4")]
    pub float_data: Vec<f32>,
    /// Data of int32 and all narrower types, one element each (4-bit types: two).
    #[prost(int32, repeated, tag = "5")]
    pub int32_data: Vec<i32>,
    /// Data of int64 tensors.
    #[prost(int64, repeated, tag = "7")]
    pub int64_data: Vec<i64>,
    /// Name.
    #[prost(string, tag = "8")]
    pub name: String,
    /// Data of any type but strings, little-endian.
    #[prost(bytes = "bytes", tag = "9")]
    pub raw_data: Bytes,
    /// Data of float64 tensors.
    #[prost(double, repeated, tag = "10")]
    pub double_data: Vec<f64>,
    /// Where external data lies: `location`, `offset`, `length`.
    #[prost(message, repeated, tag = "13")]
    pub external_data: Vec<StringStringEntryProto>,
    /// 0: in this message; 1: external.
    #[prost(int32, tag = "14")]
    pub data_location: i32,
}

/// A pair of strings.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct StringStringEntryProto {
    /// Key.
    #[prost(string, tag = "1")]
    pub key: String,
    /// Value.
    #[prost(string, tag = "2")]
    pub value: String,
}

/// Name and type of an input or output.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ValueInfoProto {
    /// Name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Type.
    #[prost(message, optional, tag = "2")]
    pub r#type: Option<TypeProto>,
}

/// A type. Only tensors are read.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct TypeProto {
    /// `TypeProto.Tensor`.
    #[prost(message, optional, tag = "1")]
    pub tensor_type: Option<TensorTypeProto>,
}

/// `TypeProto.Tensor`: element type and shape.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct TensorTypeProto {
    /// `DataType`.
    #[prost(int32, tag = "1")]
    pub elem_type: i32,
    /// Shape.
    #[prost(message, optional, tag = "2")]
    pub shape: Option<TensorShapeProto>,
}

/// A shape.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct TensorShapeProto {
    /// Dimensions, outermost first.
    #[prost(message, repeated, tag = "1")]
    pub dim: Vec<DimensionProto>,
}

/// One dimension: a number or a name.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct DimensionProto {
    /// `oneof value`.
    #[prost(oneof = "Dimension", tags = "1, 2")]
    pub value: Option<Dimension>,
}

/// A number or a name.
#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Dimension {
    /// `dim_value`.
    #[prost(int64, tag = "1")]
    Value(i64),
    /// `dim_param`.
    #[prost(string, tag = "2")]
    Param(String),
}

impl ValueInfoProto {
    /// A tensor of `elem_type` whose dimensions are `dims`.
    pub(crate) fn tensor(
        name: &str,
        elem_type: i32,
        dims: impl IntoIterator<Item = Dimension>,
    ) -> Self {
        let dim = dims.into_iter().map(|d| DimensionProto { value: Some(d) }).collect();
        let shape = Some(TensorShapeProto { dim });
        let tensor_type = Some(TensorTypeProto { elem_type, shape });
        Self { name: name.to_owned(), r#type: Some(TypeProto { tensor_type }) }
    }

    /// `DataType` of the elements, 0 where it is not stated.
    pub(crate) fn elem_type(&self) -> i32 {
        let tensor = self.r#type.as_ref().and_then(|t| t.tensor_type.as_ref());
        tensor.map_or(0, |t| t.elem_type)
    }
}

impl AttributeProto {
    /// An attribute of one integer.
    pub(crate) fn int(name: &str, i: i64) -> Self {
        Self { name: name.to_owned(), i, r#type: attribute_type::INT, ..Self::default() }
    }

    /// An attribute of one float.
    pub(crate) fn float(name: &str, f: f32) -> Self {
        Self { name: name.to_owned(), f, r#type: attribute_type::FLOAT, ..Self::default() }
    }

    /// An attribute of one string.
    pub(crate) fn string(name: &str, s: &str) -> Self {
        let s = Bytes::copy_from_slice(s.as_bytes());
        Self { name: name.to_owned(), s, r#type: attribute_type::STRING, ..Self::default() }
    }
}

impl NodeProto {
    /// The attribute of this name.
    pub(crate) fn attribute(&self, name: &str) -> Option<&AttributeProto> {
        self.attribute.iter().find(|attribute| attribute.name == name)
    }

    /// An integer attribute, or `default` where it is left out.
    pub(crate) fn int(&self, name: &str, default: i64) -> i64 {
        self.attribute(name).map_or(default, |attribute| attribute.i)
    }

    /// A float attribute, or `default` where it is left out.
    pub(crate) fn float(&self, name: &str, default: f32) -> f32 {
        self.attribute(name).map_or(default, |attribute| attribute.f)
    }

    /// The name of an input; `None` where it is left out.
    pub(crate) fn input(&self, index: usize) -> Option<&str> {
        self.input.get(index).map(String::as_str).filter(|name| !name.is_empty())
    }

    /// The operator, with its domain unless that is ONNX's own.
    pub(crate) fn operator(&self) -> String {
        if is_onnx(&self.domain) {
            self.op_type.clone()
        } else {
            format!("{}::{}", self.domain, self.op_type)
        }
    }
}

/// True for the two spellings of ONNX's own domain.
pub(crate) fn is_onnx(domain: &str) -> bool {
    domain.is_empty() || domain == "ai.onnx"
}
