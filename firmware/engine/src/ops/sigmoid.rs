//! ONNX `Sigmoid`. Ours, so that every machine gives the same bits.

use super::Runtime;
use tract_onnx::tract_hir::internal::*;

pub(super) fn eval(runtime: &Runtime, mut inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
    let mut tensor = inputs.remove(0).into_tensor();
    let mut view = tensor.try_as_plain_ram_mut()?;
    int4_kernels::vector::sigmoid(runtime.isa, view.as_slice_mut::<f32>()?);
    Ok(tvec![tensor.into_tvalue()])
}
