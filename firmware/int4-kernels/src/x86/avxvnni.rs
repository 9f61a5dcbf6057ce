//! VNNI in 256-bit registers: `vpdpbusd` multiplies 32 unsigned weights with 32 signed activations
//! and adds groups of four into 8 32-bit lanes.
//!
//! The instruction has two encodings: VEX, of processors without AVX-512 (AVX-VNNI: Alder Lake and
//! its small relatives), and EVEX, of AVX-512 VNNI and VL. Both compute the same, and the text here
//! and in [`super::ymm`] is the same for both; the compiler makes other code of it, as EVEX has more
//! registers. On a machine with AVX-512 but without AVX-VNNI the tests run the EVEX one only.
//!
//! The EVEX one is there for tests, and for processors that lower their clock for 512-bit registers:
//! there it can be asked for by name.

use super::avx2::Avx2;
use super::ymm::{Pass, Ymm, pass_text};
use crate::limits::PANEL_ROWS;
use std::arch::x86_64::*;

/// Proof that this machine runs AVX-VNNI and what [`Avx2`] stands for: it can only be made by asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct AvxVnni(());

/// Proof that this machine runs AVX-512 F, VL and VNNI and what [`Avx2`] stands for: it can only be
/// made by asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Avx512VlVnni256(());

impl AvxVnni {
    /// Asks the processor and, through XCR0, the operating system.
    pub(crate) fn new() -> Option<AvxVnni> {
        let here = is_x86_feature_detected!("avxvnni");
        (Avx2::new().is_some() && here).then_some(AvxVnni(()))
    }
}

impl Avx512VlVnni256 {
    /// Asks the processor and, through XCR0, the operating system.
    pub(crate) fn new() -> Option<Avx512VlVnni256> {
        let here = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512vnni");
        (Avx2::new().is_some() && here).then_some(Avx512VlVnni256(()))
    }
}

macro_rules! vpdpbusd {
    ($isa:ident, $instruction:ident, $features:literal) => {
        impl Ymm for $isa {
            const NARROW: bool = false;
            const EIGHT_ZERO: i32 = 0;

            #[inline(always)]
            unsafe fn four(sums: __m256i, weights: __m256i, a: __m256i) -> __m256i {
                // SAFETY: the caller's promise.
                unsafe { $instruction(sums, weights, a) }
            }

            #[inline(always)]
            unsafe fn widen(sums: __m256i) -> __m256i {
                sums
            }

            #[inline(always)]
            unsafe fn eight(sums: __m256i, weights: __m256i, a: __m256i) -> __m256i {
                // SAFETY: the caller's promise.
                unsafe { $instruction(sums, weights, a) }
            }

            #[target_feature(enable = $features)]
            unsafe fn pass<const T: usize, const ALL: bool>(
                pass: &Pass<'_>,
                out: &mut [[f32; PANEL_ROWS]],
            ) {
                // SAFETY: the caller's promise.
                unsafe { pass_text::<$isa, T, ALL>(pass, out) }
            }
        }
    };
}

vpdpbusd!(AvxVnni, _mm256_dpbusd_avx_epi32, "avx2,fma,f16c,avxvnni");
vpdpbusd!(Avx512VlVnni256, _mm256_dpbusd_epi32, "avx2,fma,f16c,avx512f,avx512vl,avx512vnni");
