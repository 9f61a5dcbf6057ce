//! A few query rows, as the scores want them.

use super::element::Element;
use crate::dispatch::Isa;
#[cfg(target_arch = "x86_64")]
use crate::dispatch::Kind;

/// Up to four query rows, turned.
pub(super) struct Queries<const R: usize> {
    pub(super) positions: [usize; R],
    /// Padded width of a head.
    pub(super) dim: usize,
    /// `[dim, R]`.
    pub(super) columns: Vec<f32>,
    /// `[dim / 4, R]`, rounded as [`Simd::dot`] wants them; empty where scores are not integers.
    pub(super) quants: Vec<u32>,
    /// Of the rounded rows.
    pub(super) scales: [f32; R],
}

impl<const R: usize> Queries<R> {
    pub(super) fn new(positions: [usize; R], dim: usize) -> Queries<R> {
        Queries { positions, dim, columns: vec![0.0; R * dim], quants: vec![], scales: [1.0; R] }
    }

    pub(super) fn set(&mut self, r: usize, row: &[f32]) {
        for (column, value) in self.columns.chunks_exact_mut(R).zip(row) {
            column[r] = *value;
        }
    }

    /// Rounds the row as [`set`](Queries::set) took it.
    pub(super) fn round(&mut self, r: usize, row: &[f32], quants: &mut [i8], isa: Isa) {
        self.quants.resize(R * self.dim / 4, 0);
        self.scales[r] = i8::round(row, quants);
        for (out, lanes) in self.quants.chunks_exact_mut(R).zip(quants.as_chunks().0) {
            out[r] = dot_query(isa, *lanes);
        }
    }
}

/// Four query quants as the instruction set's [`Simd::dot`] wants them.
pub(super) fn dot_query(isa: Isa, lanes: [i8; 4]) -> u32 {
    let plain = u32::from_le_bytes(lanes.map(|lane| lane as u8));
    match isa.0 {
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512Vnni(_) | Kind::AvxVnni(_) | Kind::Avx512VlVnni256(_) => plain ^ 0x8080_8080,
        _ => plain,
    }
}
