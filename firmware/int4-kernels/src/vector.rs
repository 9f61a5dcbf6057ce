//! The loops between the matrix products, written once and compiled for each instruction set.
//!
//! Sums run in [`LANES`] fixed partial sums with fused multiply-adds, so that every machine gives
//! the same bits; the compiler turns the lanes into whatever registers there are.

/// Partial sums of a reduction.
pub(crate) const LANES: usize = 16;

/// Makes a function that runs `$text`, which must be `inline(always)`, compiled once for each
/// instruction set. A closure would not do: it is compiled without the features unless the inliner
/// happens to agree, and then each fused multiply-add is a call.
macro_rules! for_each_isa {
    ($(#[$doc:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),*) $(-> $ret:ty)? = $text:path) => {
        $(#[$doc])*
        #[allow(clippy::too_many_arguments)]
        $vis fn $name(isa: crate::dispatch::Isa, $($arg: $ty),*) $(-> $ret)? {
            /// # Safety
            /// The features of `Avx512Vnni` are there.
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,avx512dq,f16c,fma,avx2")]
            unsafe fn avx512($($arg: $ty),*) $(-> $ret)? {
                $text($($arg),*)
            }
            /// # Safety
            /// The features of `Avx2` are there.
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,f16c")]
            unsafe fn avx2($($arg: $ty),*) $(-> $ret)? {
                $text($($arg),*)
            }
            match isa.0 {
                crate::dispatch::Kind::Scalar => $text($($arg),*),
                // SAFETY: the value in `isa` is the proof that the features are there.
                #[cfg(target_arch = "x86_64")]
                crate::dispatch::Kind::Avx512Vnni(_) => unsafe { avx512($($arg),*) },
                #[cfg(target_arch = "x86_64")]
                crate::dispatch::Kind::AvxVnni(_)
                | crate::dispatch::Kind::Avx512VlVnni256(_)
                | crate::dispatch::Kind::Avx2(_) => {
                    // SAFETY: as above; all of them include `Avx2`.
                    unsafe { avx2($($arg),*) }
                }
                // NEON is part of the target: the plain text is compiled for it.
                #[cfg(target_arch = "aarch64")]
                _ => $text($($arg),*),
                // On 32-bit ARM `.cargo/config.toml` says what the plain text is compiled for.
                #[cfg(target_arch = "arm")]
                crate::dispatch::Kind::ArmNeon(_) => $text($($arg),*),
            }
        }
    };
}
pub(crate) use for_each_isa;

/// Sum of products of two slices of the same length.
#[inline(always)]
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0f32; LANES];
    let (a_whole, b_whole) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let (a_tail, b_tail) = (a_whole.remainder(), b_whole.remainder());
    for (a, b) in a_whole.zip(b_whole) {
        for l in 0..LANES {
            lanes[l] = a[l].mul_add(b[l], lanes[l]);
        }
    }
    for (l, (a, b)) in a_tail.iter().zip(b_tail).enumerate() {
        lanes[l] = a.mul_add(*b, lanes[l]);
    }
    sum_lanes(lanes)
}

/// Sum of a slice.
#[inline(always)]
fn sum(x: &[f32]) -> f32 {
    let mut lanes = [0.0f32; LANES];
    let whole = x.chunks_exact(LANES);
    let tail = whole.remainder();
    for x in whole {
        for l in 0..LANES {
            lanes[l] += x[l];
        }
    }
    for (lane, x) in lanes.iter_mut().zip(tail) {
        *lane += x;
    }
    sum_lanes(lanes)
}

/// Adds lanes pairwise, in a fixed order.
#[inline(always)]
pub(crate) fn sum_lanes(mut lanes: [f32; LANES]) -> f32 {
    let mut width = LANES / 2;
    while width > 0 {
        for l in 0..width {
            lanes[l] += lanes[l + width];
        }
        width /= 2;
    }
    lanes[0]
}

/// `e^x` to within 2 units in the last place for x <= 0 and moderate x > 0; 0 below -87, at most
/// `e^88` above. No tables, no branches: it vectorises.
///
/// Method: x = n ln 2 + r with |r| <= ln 2 / 2, a polynomial of degree 6 for e^r (Taylor's
/// coefficients, enough at this width), times 2^n put together from its bits.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0;
    let clamped = x.clamp(-87.0, 88.0);
    let n = clamped.mul_add(std::f32::consts::LOG2_E, ROUND) - ROUND;
    let r = n.mul_add(-0.693_359_4, clamped);
    let r = n.mul_add(2.121_944_4e-4, r);
    let mut p = 1.0 / 720.0;
    for c in [1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        p = r.mul_add(p, c);
    }
    let power = f32::from_bits((((n as i32) + 127) as u32) << 23);
    if x < -87.0 { 0.0 } else { p * power }
}

#[inline(always)]
fn rms_norm_row(x: &[f32], gain: &[f32], epsilon: f32, out: &mut [f32]) {
    let mean = dot(x, x) / x.len() as f32;
    let inverse = 1.0 / (mean + epsilon).sqrt();
    for ((out, x), gain) in out.iter_mut().zip(x).zip(gain) {
        *out = x * inverse * gain;
    }
}

#[inline(always)]
fn rms_norm_rows(x: &[f32], gain: &[f32], epsilon: f32, out: &mut [f32]) {
    assert!(x.len() == out.len() && x.len().is_multiple_of(gain.len()), "rows of {}", gain.len());
    for (x, out) in x.chunks_exact(gain.len()).zip(out.chunks_exact_mut(gain.len())) {
        rms_norm_row(x, gain, epsilon, out);
    }
}

for_each_isa! {
    /// Root-mean-square normalisation (ONNX `SimplifiedLayerNormalization`) of each row of `x`
    /// (`[rows, gain.len()]`): `out = x / sqrt(mean(x^2) + epsilon) * gain`.
    ///
    /// # Panics
    /// If `x` and `out` differ in length or are not whole rows.
    pub fn rms_norm(x: &[f32], gain: &[f32], epsilon: f32, out: &mut [f32]) = rms_norm_rows
}

#[inline(always)]
fn layer_norm_row(x: &[f32], gain: &[f32], bias: &[f32], epsilon: f32, out: &mut [f32]) {
    let mean = sum(x) / x.len() as f32;
    for (out, x) in out.iter_mut().zip(x) {
        *out = x - mean;
    }
    let inverse = 1.0 / (dot(out, out) / x.len() as f32 + epsilon).sqrt();
    for ((out, gain), bias) in out.iter_mut().zip(gain).zip(bias) {
        *out = (*out * inverse).mul_add(*gain, *bias);
    }
}

#[inline(always)]
fn layer_norm_rows(x: &[f32], gain: &[f32], bias: &[f32], epsilon: f32, out: &mut [f32]) {
    assert!(gain.len() == bias.len() && x.len() == out.len(), "gain, bias, rows");
    assert!(x.len().is_multiple_of(gain.len()), "rows of {}", gain.len());
    for (x, out) in x.chunks_exact(gain.len()).zip(out.chunks_exact_mut(gain.len())) {
        layer_norm_row(x, gain, bias, epsilon, out);
    }
}

for_each_isa! {
    /// Layer normalisation (ONNX `LayerNormalization` over the last axis) of each row of `x`
    /// (`[rows, gain.len()]`): `out = (x - mean) / sqrt(variance + epsilon) * gain + bias`.
    ///
    /// # Panics
    /// If `gain` and `bias`, or `x` and `out`, differ in length, or `x` is not whole rows.
    pub fn layer_norm(x: &[f32], gain: &[f32], bias: &[f32], epsilon: f32, out: &mut [f32])
        = layer_norm_rows
}

#[inline(always)]
fn gelu_text(x: &mut [f32]) {
    // Abramowitz and Stegun, 7.1.26: within 1.5e-7 of the error function of |x| / sqrt 2.
    const P: f32 = 0.327_591_1;
    const A: [f32; 5] = [1.061_405_4, -1.453_152_1, 1.421_413_8, -0.284_496_72, 0.254_829_6];
    for x in x.iter_mut() {
        let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
        let t = 1.0 / P.mul_add(z, 1.0);
        let mut p = A[0];
        for a in &A[1..] {
            p = p.mul_add(t, *a);
        }
        let rest = p * t * exp(-z * z);
        // x / 2 * (1 + erf), where 1 + erf of a negative x is 1 - erf of |x|, which is `rest`.
        let half = 0.5 * *x;
        *x = half * if *x < 0.0 { rest } else { 2.0 - rest };
    }
}

for_each_isa! {
    /// `x = x / 2 * (1 + erf(x / sqrt 2))` (ONNX `Gelu` without approximation), element by element,
    /// to within `2e-7 * (1 + |x|)`.
    pub fn gelu(x: &mut [f32]) = gelu_text
}

#[inline(always)]
fn add_text(x: &[f32], out: &mut [f32]) {
    assert_eq!(x.len(), out.len());
    for (out, x) in out.iter_mut().zip(x) {
        *out += x;
    }
}

for_each_isa! {
    /// `out += x`, element by element.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn add(x: &[f32], out: &mut [f32]) = add_text
}

#[inline(always)]
fn sigmoid_text(x: &mut [f32]) {
    for x in x.iter_mut() {
        *x = 1.0 / (1.0 + exp(-*x));
    }
}

for_each_isa! {
    /// `x = 1 / (1 + e^-x)` (ONNX `Sigmoid`), element by element.
    pub fn sigmoid(x: &mut [f32]) = sigmoid_text
}

#[inline(always)]
fn gate_text(gate: &mut [f32], up: &[f32]) {
    assert_eq!(gate.len(), up.len());
    for (gate, up) in gate.iter_mut().zip(up) {
        *gate = *gate * (1.0 / (1.0 + exp(-*gate))) * up;
    }
}

for_each_isa! {
    /// `gate = gate * sigmoid(gate) * up` (the SiLU gate of Llama's feed-forward layers), element by
    /// element.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn silu_gate(gate: &mut [f32], up: &[f32]) = gate_text
}

#[inline(always)]
fn largest_text(x: &[f32]) -> (usize, f32) {
    // Lane by lane, then the lanes: the first of equals wins, as in a plain loop.
    let mut values = [f32::NEG_INFINITY; LANES];
    let mut places = [0u32; LANES];
    let chunks = x.chunks_exact(LANES);
    let tail = chunks.remainder();
    for (i, chunk) in chunks.enumerate() {
        for l in 0..LANES {
            let larger = chunk[l] > values[l];
            values[l] = if larger { chunk[l] } else { values[l] };
            places[l] = if larger { i as u32 } else { places[l] };
        }
    }
    let mut best = (0, f32::NEG_INFINITY);
    for l in 0..LANES.min(x.len()) {
        let place = places[l] as usize * LANES + l;
        if values[l] > best.1 || (values[l] == best.1 && place < best.0) {
            best = (place, values[l]);
        }
    }
    for (i, value) in tail.iter().enumerate() {
        if *value > best.1 {
            best = (x.len() - tail.len() + i, *value);
        }
    }
    best
}

for_each_isa! {
    /// The place and value of the largest element, the first of equals; NaN is passed over. `(0,
    /// -infinity)` if there is none.
    pub fn largest(x: &[f32]) -> (usize, f32) = largest_text
}

/// Rotates the pairs of one head in place (rotary position embedding, Su et al. 2021).
///
/// `cos` and `sin` hold one value a pair; the first `2 * cos.len()` values of `head` turn, the
/// rest stay. Pairs are (i, i + half) or, `interleaved`, (2 i, 2 i + 1).
///
/// # Panics
/// If `head` is shorter than twice `cos`, or `sin` than `cos`.
pub fn rotate(head: &mut [f32], cos: &[f32], sin: &[f32], interleaved: bool) {
    let half = cos.len();
    let head = &mut head[..2 * half];
    for i in 0..half {
        let (a, b) = if interleaved { (2 * i, 2 * i + 1) } else { (i, i + half) };
        let (x, y) = (head[a], head[b]);
        head[a] = x * cos[i] - y * sin[i];
        head[b] = y * cos[i] + x * sin[i];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::Isa;

    #[test]
    fn exp_is_close_to_the_real_one() {
        let mut x = -86.9f32;
        while x < 80.0 {
            let (ours, real) = (f64::from(exp(x)), f64::from(x).exp());
            assert!((ours / real - 1.0).abs() < 4e-7, "e^{x}: {ours} where {real} was expected");
            x += 0.0137;
        }
        assert_eq!(exp(-1000.0), 0.0);
        assert_eq!(exp(0.0), 1.0);
    }

    #[test]
    fn every_isa_gives_the_same_bits() {
        let x: Vec<f32> = (0..1003).map(|i| ((i * 37 % 101) as f32 - 50.0) * 0.17).collect();
        let gain: Vec<f32> = (0..1003).map(|i| 0.5 + (i % 7) as f32 * 0.1).collect();
        for isa in Isa::available() {
            let (mut a, mut b) = (vec![0.0; 1003], vec![0.0; 1003]);
            rms_norm(isa, &x, &gain, 1e-5, &mut a);
            rms_norm(Isa::SCALAR, &x, &gain, 1e-5, &mut b);
            assert_eq!(a, b, "{}", isa.name());
            sigmoid(isa, &mut a);
            sigmoid(Isa::SCALAR, &mut b);
            assert_eq!(a, b, "{}", isa.name());
            layer_norm(isa, &x, &gain, &x, 1e-5, &mut a);
            layer_norm(Isa::SCALAR, &x, &gain, &x, 1e-5, &mut b);
            assert_eq!(a, b, "{}", isa.name());
            gelu(isa, &mut a);
            gelu(Isa::SCALAR, &mut b);
            assert_eq!(a, b, "{}", isa.name());
        }
    }

    #[test]
    fn the_largest_is_the_first_of_equals() {
        for isa in Isa::available() {
            for len in [1, 5, 16, 17, 40, 1003] {
                let mut x: Vec<f32> = (0..len).map(|i| ((i * 37) % 11) as f32 - 20.0).collect();
                let plain = |x: &[f32]| {
                    let best = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                    (x.iter().position(|v| *v == best).unwrap_or(0), best)
                };
                assert_eq!(largest(isa, &x), plain(&x));
                x[len / 2] = f32::NAN;
                assert_eq!(largest(isa, &x), plain(&x));
                x.fill(f32::NEG_INFINITY);
                assert_eq!(largest(isa, &x), (0, f32::NEG_INFINITY));
            }
        }
    }

    #[test]
    fn the_gate_is_silu_times_up() {
        let gate: Vec<f32> = (0..100).map(|i| (i as f32 - 50.0) * 0.3).collect();
        let up: Vec<f32> = (0..100).map(|i| (i % 9) as f32 - 4.0).collect();
        for isa in Isa::available() {
            let mut out = gate.clone();
            silu_gate(isa, &mut out, &up);
            for ((g, u), out) in gate.iter().zip(&up).zip(&out) {
                let exact = f64::from(*g) / (1.0 + (-f64::from(*g)).exp()) * f64::from(*u);
                assert!((f64::from(*out) - exact).abs() < 1e-5 * (1.0 + exact.abs()));
            }
        }
    }

    /// The error function by its Taylor series, good for |x| up to 4 in f64.
    fn erf(x: f64) -> f64 {
        let (mut term, mut sum) = (x, x);
        for n in 1..200 {
            term *= -x * x / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        sum * 2.0 / std::f64::consts::PI.sqrt()
    }

    #[test]
    fn gelu_is_close_to_the_real_one() {
        let x: Vec<f32> = (-5600..=5600).map(|i| i as f32 * 0.001).collect();
        let mut found = x.clone();
        gelu(Isa::best(), &mut found);
        for (x, found) in x.iter().zip(&found) {
            let exact = f64::from(*x) / 2.0 * (1.0 + erf(f64::from(*x) / 2f64.sqrt()));
            let error = (f64::from(*found) - exact).abs();
            assert!(error < 2e-7 * (1.0 + f64::from(x.abs())), "{x}: {found} {exact}");
        }
        let mut far = [-1e30, -20.0, 0.0, 20.0, 1e30];
        gelu(Isa::best(), &mut far);
        assert_eq!(far, [0.0, 0.0, 0.0, 20.0, 1e30]);
    }

    #[test]
    fn layer_norm_has_mean_and_deviation_of_its_bias_and_gain() {
        let x: Vec<f32> = (0..2 * 384).map(|i| ((i * 31 % 97) as f32 - 40.0) * 0.2).collect();
        let (gain, bias) = (vec![2.0; 384], vec![0.5; 384]);
        let mut out = vec![0.0; x.len()];
        layer_norm(Isa::best(), &x, &gain, &bias, 1e-12, &mut out);
        for row in out.chunks_exact(384) {
            let mean = row.iter().map(|v| f64::from(*v)).sum::<f64>() / 384.0;
            let spread = row.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / 384.0;
            assert!((mean - 0.5).abs() < 1e-5 && (spread.sqrt() - 2.0).abs() < 1e-5);
        }
    }

    #[test]
    fn rotation_keeps_length_and_undoes_itself() {
        let head: Vec<f32> = (0..16).map(|i| i as f32 - 7.5).collect();
        let cos: Vec<f32> = (0..8).map(|i| (i as f32).cos()).collect();
        let sin: Vec<f32> = (0..8).map(|i| (i as f32).sin()).collect();
        let back: Vec<f32> = sin.iter().map(|s| -s).collect();
        for interleaved in [false, true] {
            let mut turned = head.clone();
            rotate(&mut turned, &cos, &sin, interleaved);
            assert!((dot(&turned, &turned) / dot(&head, &head) - 1.0).abs() < 1e-6);
            rotate(&mut turned, &cos, &back, interleaved);
            for (a, b) in turned.iter().zip(&head) {
                assert!((a - b).abs() < 1e-5);
            }
        }
    }
}
