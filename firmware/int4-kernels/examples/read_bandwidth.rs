//! How fast this machine's memory can be read: a plain loop over 1 GiB, on as many threads as asked.
//!
//! `read_bandwidth [--threads N] [--repeat N]` prints the median as JSON, bytes a second. Decoding a
//! token reads every weight once, so this is the wall that it runs against.

use int4_kernels::ThreadPool;
use std::time::Instant;

/// Far beyond any cache.
const BYTES: usize = 1 << 30;
/// Bytes that a thread claims at a time.
const CHUNK: usize = 1 << 20;

/// Sums as wide as the machine's vectors; the compiler unrolls and vectorises it.
#[inline(always)]
fn sum_text(words: &[u64]) -> u64 {
    words.iter().fold(0, |sum, word| sum.wrapping_add(*word))
}

/// # Safety
/// The processor has AVX-512 F.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
unsafe fn sum_avx512(words: &[u64]) -> u64 {
    sum_text(words)
}

/// # Safety
/// The processor has AVX2.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn sum_avx2(words: &[u64]) -> u64 {
    sum_text(words)
}

fn sum(words: &[u64]) -> u64 {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") {
            // SAFETY: just asked.
            return unsafe { sum_avx512(words) };
        }
        if is_x86_feature_detected!("avx2") {
            // SAFETY: just asked.
            return unsafe { sum_avx2(words) };
        }
    }
    sum_text(words)
}

fn argument(name: &str, default: usize) -> usize {
    let mut arguments = std::env::args().skip_while(|a| a != name).skip(1);
    arguments.next().map_or(default, |value| value.parse().expect("a number"))
}

fn main() {
    let available = std::thread::available_parallelism().map_or(1, |n| n.get());
    let (threads, repeat) = (argument("--threads", available), argument("--repeat", 5));
    let pool = ThreadPool::new(threads);
    // Written, so that every page is really there.
    let words: Vec<u64> = (0..(BYTES / 8) as u64).collect();
    let mut rates: Vec<f64> = (0..repeat.max(1))
        .map(|_| {
            let start = Instant::now();
            pool.run(BYTES / CHUNK, &|i| {
                let chunk = CHUNK / 8;
                std::hint::black_box(sum(&words[i * chunk..(i + 1) * chunk]));
            });
            BYTES as f64 / start.elapsed().as_secs_f64()
        })
        .collect();
    rates.sort_by(f64::total_cmp);
    println!("{{\"threads\":{},\"bytes_per_s\":{:.0}}}", pool.threads(), rates[rates.len() / 2]);
}
