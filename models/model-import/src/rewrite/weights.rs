//! `MatMulNBits`, `GatherBlockQuantized` (onnxruntime's `ContribOperators.md`) and float tables.

use bytes::Bytes;
use int4_kernels::Bits;
use model_pack::TensorKind;
use model_pack::limits::NAME_BYTES_MAX;

use crate::error::{EXPORT, FETCH, ImportError};
use crate::graph::Graph;
use crate::matrix::{Floats, Matrix, Quants, Shape, Unfit, Zeros};
use crate::onnx::{AttributeProto, NodeProto, TensorProto, data_type, is_onnx};
use crate::rewrite::{BARAZA, MICROSOFT, Rewriter};

/// A tensor on its way into `weights.bin`.
#[derive(Debug)]
pub(crate) struct Weight {
    /// Its name there.
    pub(crate) name: String,
    /// Its data, still in the mapped source.
    pub(crate) data: WeightData,
}

/// What is stored for a tensor.
#[derive(Debug)]
pub(crate) enum WeightData {
    /// A quantised matrix, to be packed.
    Matrix(Matrix),
    /// Plain floats, to be copied.
    Table {
        /// Little-endian elements.
        bytes: Bytes,
        /// Type and shape.
        kind: TensorKind,
    },
}

/// The constants that a stored tensor was made of: quants, scales, zero points.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    quants: String,
    scales: String,
    zeros: String,
}

/// A tensor that is stored already.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    name: String,
    kind: TensorKind,
}

/// True for a `Gather` of rows of a constant float table: an embedding that is not quantised.
pub(super) fn is_table_lookup(graph: &Graph, node: &NodeProto) -> bool {
    let table = || node.input(0).and_then(|value| graph.constant(value));
    node.op_type == "Gather"
        && is_onnx(&node.domain)
        && node.int("axis", 0) == 0
        && node.input(1).is_some_and(|indices| graph.constant(indices).is_none())
        && table().is_some_and(|tensor| {
            matches!(
                tensor.data_type,
                data_type::FLOAT | data_type::FLOAT16 | data_type::BFLOAT16 | data_type::DOUBLE
            ) && tensor.dims.len() == 2
        })
}

impl Rewriter<'_> {
    pub(super) fn matmul_nbits(&mut self, node: &NodeProto) -> Result<NodeProto, ImportError> {
        let known = ["K", "N", "bits", "block_size", "accuracy_level"];
        self.check_attributes(node, &known)?;
        let refuse = |reason: &str| Err(self.graph.refuse(node, reason, EXPORT));
        if node.input(0).is_none() {
            return refuse("it lacks the input A");
        }
        if node.input(4).is_some() {
            return refuse("it reorders columns (g_idx), which is not run");
        }
        if (6..node.input.len()).any(|index| node.input(index).is_some()) {
            return refuse("it has an input after bias, which is not understood");
        }
        let shape = self.shape(
            node,
            node.int("N", 0),
            node.int("K", 0),
            node.int("bits", 4),
            node.int("block_size", 0),
        )?;
        let quants = self.constant_input(node, 1, "B")?.clone();
        let weight = self.matrix(node, shape, &quants, 2)?;
        let mut input = vec![node.input(0).unwrap_or_default().to_owned()];
        if let Some(bias) = node.input(5) {
            let elements = self.graph.constant(bias).map(|tensor| tensor.dims.iter().product());
            if elements != Some(shape.rows as i64) {
                return Err(self.graph.refuse(
                    node,
                    format!("its bias is not a constant of {} elements", shape.rows),
                    EXPORT,
                ));
            }
            input.push(bias.to_owned());
        }
        Ok(product_node(node, input, MICROSOFT, "MatMulNBits", shape, &weight))
    }

    pub(super) fn gather_quantized(&mut self, node: &NodeProto) -> Result<NodeProto, ImportError> {
        self.check_attributes(node, &["bits", "block_size", "gather_axis", "quantize_axis"])?;
        let refuse = |reason: String| Err(self.graph.refuse(node, reason, EXPORT));
        let (gather, quantize) = (node.int("gather_axis", 0), node.int("quantize_axis", 1));
        if gather != 0 || !matches!(quantize, 1 | -1) {
            return refuse(format!(
                "it gathers along axis {gather} and is quantised along axis {quantize}, and only \
                 0 and 1 are run"
            ));
        }
        if node.input(1).is_none() {
            return refuse("it lacks indices".into());
        }
        let quants = self.constant_input(node, 0, "data")?.clone();
        let bits = match quants.data_type {
            data_type::INT4 | data_type::UINT4 => 4,
            _ => node.int("bits", 4),
        };
        let rows = quants.dims.first().copied().unwrap_or_default();
        // All bits of the data, shared out among its rows.
        let bytes = self.source.expected_bytes(&quants)?;
        let columns = u64::try_from(rows * bits)
            .ok()
            .filter(|&bits_a_column| bits_a_column > 0)
            .map_or(0, |bits_a_column| bytes * 8 / bits_a_column);
        let block = node.int("block_size", 128);
        // At most 8 times a file's length: inside i64.
        let shape = self.shape(node, rows, columns as i64, bits, block)?;
        let weight = self.matrix(node, shape, &quants, 2)?;
        self.embedding_width = Some(shape.columns as u64);
        let input = vec![node.input(1).unwrap_or_default().to_owned()];
        Ok(product_node(node, input, MICROSOFT, "GatherBlockQuantized", shape, &weight))
    }

    pub(super) fn gather_rows(&mut self, node: &NodeProto) -> Result<NodeProto, ImportError> {
        let tensor = self.constant_input(node, 0, "data")?.clone();
        let [rows, columns] = tensor.dims[..] else {
            return Err(self.graph.refuse(node, "its table is not a matrix", EXPORT));
        };
        let dimension = |n: i64| usize::try_from(n).unwrap_or_default();
        let (rows, columns) = (dimension(rows), dimension(columns));
        if !matches!(tensor.data_type, data_type::FLOAT | data_type::FLOAT16) {
            let found = data_type::name(tensor.data_type);
            let reason = format!("its table is {found}, and float32 and float16 are read");
            return Err(self.graph.refuse(node, reason, EXPORT));
        }
        let weight = self.table(&tensor)?;
        self.embedding_width = Some(columns as u64);
        let shape = Shape { rows, columns, bits: Bits::Eight, block: 1 };
        let input = vec![node.input(1).unwrap_or_default().to_owned()];
        Ok(product_node(node, input, BARAZA, "GatherRows", shape, &weight))
    }

    fn shape(
        &self,
        node: &NodeProto,
        rows: i64,
        columns: i64,
        bits: i64,
        block: i64,
    ) -> Result<Shape, ImportError> {
        let refuse = |reason: String, next: String| Err(self.graph.refuse(node, reason, next));
        let bits = match bits {
            4 => Bits::Four,
            8 => Bits::Eight,
            other => {
                let reason = format!("{other}-bit weights are not run, only 4 and 8 bits are");
                return refuse(reason, EXPORT.to_owned());
            }
        };
        let block = match usize::try_from(block) {
            Ok(block @ (16 | 32 | 64 | 128 | 256)) => block,
            _ => {
                let reason =
                    format!("a block size of {block} is not run, only 16, 32, 64, 128 and 256 are");
                return refuse(reason, format!("{EXPORT} --extra_options block_size=32"));
            }
        };
        match (usize::try_from(rows), usize::try_from(columns)) {
            (Ok(rows @ 1..), Ok(columns @ 1..)) => Ok(Shape { rows, columns, bits, block }),
            _ => refuse(format!("its matrix is {rows} by {columns}"), FETCH.to_owned()),
        }
    }

    fn constant_input(
        &self,
        node: &NodeProto,
        index: usize,
        what: &str,
    ) -> Result<&TensorProto, ImportError> {
        let refuse = |reason: String, next| self.graph.refuse(node, reason, next);
        let Some(value) = node.input(index) else {
            let next = "export again with another algo_config (rtn or k_quant), or with \
                        symmetric weights";
            return Err(refuse(format!("its input {what} is missing"), next));
        };
        self.graph
            .constant(value)
            .ok_or_else(|| refuse(format!("its input {what} is not a constant"), EXPORT))
    }

    /// Stores the matrix whose scales are input `scales` and whose zero points are the next
    /// input, unless it is stored already; gives its name.
    fn matrix(
        &mut self,
        node: &NodeProto,
        shape: Shape,
        quants: &TensorProto,
        scales: usize,
    ) -> Result<String, ImportError> {
        let scale_tensor = self.constant_input(node, scales, "scales")?.clone();
        let zero_tensor = match node.input(scales + 1) {
            Some(_) => Some(self.constant_input(node, scales + 1, "zero_points")?.clone()),
            None => None,
        };
        let key = Key {
            quants: quants.name.clone(),
            scales: scale_tensor.name.clone(),
            zeros: zero_tensor.as_ref().map(|tensor| tensor.name.clone()).unwrap_or_default(),
        };
        if let Some(stored) = self.stored.get(&key).cloned() {
            return self.same_matrix(node, shape, stored);
        }
        let scales = self.floats(node, &scale_tensor, "scales")?;
        let zeros = match &zero_tensor {
            Some(tensor) => self.zeros(node, tensor, shape)?,
            // Unsigned 4-bit elements have no offset of their own; packed bytes do.
            None if quants.data_type == data_type::UINT4 => Zeros::All(0),
            None => Zeros::Default,
        };
        let quant_values = self.quants(node, quants, shape)?;
        let matrix = Matrix::new(shape, quant_values, scales, zeros).map_err(|Unfit(reason)| {
            ImportError::Node {
                file: self.graph.path.clone(),
                node: node.name.clone(),
                operator: node.operator(),
                reason: format!("its matrix {} {reason}", quants.name),
                next: FETCH.into(),
            }
        })?;
        let name = self.free_name(&quants.name);
        let kind = matrix.kind();
        self.stored.insert(key, Stored { name: name.clone(), kind });
        self.weights.push(Weight { name: name.clone(), data: WeightData::Matrix(matrix) });
        Ok(name)
    }

    /// The name of a stored matrix, if `shape` reads it the same way.
    fn same_matrix(
        &mut self,
        node: &NodeProto,
        shape: Shape,
        stored: Stored,
    ) -> Result<String, ImportError> {
        let same = matches!(
            stored.kind,
            TensorKind::Matrix { rows, columns, bits, block, .. }
                if rows as usize == shape.rows
                    && columns as usize == shape.columns
                    && bits == shape.bits.count()
                    && block as usize == shape.block
        );
        if !same {
            let reason = format!("it reads {} as a matrix of another shape", stored.name);
            return Err(self.graph.refuse(node, reason, FETCH));
        }
        self.shared += 1;
        Ok(stored.name)
    }

    fn quants(
        &mut self,
        node: &NodeProto,
        tensor: &TensorProto,
        shape: Shape,
    ) -> Result<Quants, ImportError> {
        let signed = match (tensor.data_type, shape.bits) {
            (data_type::UINT8, _) | (data_type::UINT4, Bits::Four) => false,
            (data_type::INT4, Bits::Four) => true,
            (other, _) => {
                let reason = format!(
                    "its quants are {}, which is not read at {} bits",
                    data_type::name(other),
                    shape.bits.count()
                );
                return Err(self.graph.refuse(node, reason, EXPORT));
            }
        };
        // `MatMulNBits` pads each row to whole blocks; a gathered table has no padding, and
        // then its width is the stride.
        let padded = shape.blocks() * shape.block;
        let stride = if node.op_type == "GatherBlockQuantized" { shape.columns } else { padded };
        let data = self.source.bytes(tensor)?;
        Ok(Quants { data, stride, bits: shape.bits, signed })
    }

    fn zeros(
        &mut self,
        node: &NodeProto,
        tensor: &TensorProto,
        shape: Shape,
    ) -> Result<Zeros, ImportError> {
        let blocks = shape.blocks();
        let (stride, signed) = match (tensor.data_type, shape.bits) {
            (data_type::FLOAT | data_type::FLOAT16, _) => {
                return Ok(Zeros::Floats(self.floats(node, tensor, "zero_points")?));
            }
            (data_type::UINT8, Bits::Four) => (blocks.next_multiple_of(2), false),
            (data_type::UINT8, Bits::Eight) | (data_type::UINT4, Bits::Four) => (blocks, false),
            (data_type::INT4, Bits::Four) => (blocks, true),
            (other, _) => {
                let found = data_type::name(other);
                let reason = format!("its zero points are {found}, which is not read");
                return Err(self.graph.refuse(node, reason, EXPORT));
            }
        };
        let data = self.source.bytes(tensor)?;
        Ok(Zeros::Each(Quants { data, stride, bits: shape.bits, signed }))
    }

    fn floats(
        &mut self,
        node: &NodeProto,
        tensor: &TensorProto,
        what: &str,
    ) -> Result<Floats, ImportError> {
        let half = match tensor.data_type {
            data_type::FLOAT => false,
            data_type::FLOAT16 => true,
            other => {
                let reason = format!("its {what} are {}, not floats", data_type::name(other));
                return Err(self.graph.refuse(node, reason, EXPORT));
            }
        };
        Ok(Floats { data: self.source.bytes(tensor)?, half })
    }

    /// Stores a plain f32 or f16 table, unless it is stored already; gives its name.
    pub(super) fn table(&mut self, tensor: &TensorProto) -> Result<String, ImportError> {
        let key = Key { quants: tensor.name.clone(), scales: String::new(), zeros: String::new() };
        if let Some(stored) = self.stored.get(&key) {
            return Ok(stored.name.clone());
        }
        let shape = tensor.dims.iter().map(|&d| u64::try_from(d).unwrap_or_default()).collect();
        let kind = match tensor.data_type {
            data_type::FLOAT16 => TensorKind::F16 { shape },
            _ => TensorKind::F32 { shape },
        };
        let bytes = self.source.bytes(tensor)?;
        let name = self.free_name(&tensor.name);
        self.stored.insert(key, Stored { name: name.clone(), kind: kind.clone() });
        let data = WeightData::Table { bytes, kind };
        self.weights.push(Weight { name: name.clone(), data });
        Ok(name)
    }

    /// `wanted`, or a name of our own where it is too long or taken.
    fn free_name(&self, wanted: &str) -> String {
        let taken = self.weights.iter().any(|weight| weight.name == wanted);
        if wanted.is_empty() || wanted.len() > NAME_BYTES_MAX || taken {
            format!("baraza/weight{}", self.weights.len())
        } else {
            wanted.to_owned()
        }
    }
}

/// A node with a weight in the form of the dialect.
fn product_node(
    node: &NodeProto,
    input: Vec<String>,
    domain: &str,
    op_type: &str,
    shape: Shape,
    weight: &str,
) -> NodeProto {
    NodeProto {
        input,
        output: node.output.iter().take(1).cloned().collect(),
        name: node.name.clone(),
        op_type: op_type.to_owned(),
        attribute: vec![
            // Both are dimensions of stored tensors: far below 2^63.
            AttributeProto::int("K", shape.columns as i64),
            AttributeProto::int("N", shape.rows as i64),
            AttributeProto::string("weight", weight),
        ],
        domain: domain.to_owned(),
    }
}
