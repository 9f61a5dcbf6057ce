//! How far ahead of the weights in use memory is asked for.
//!
//! The hardware's own prefetcher stops at each page of 4 kB, and a mapped file has no larger ones. What
//! asking in software gives or takes differs between makers, and neither rule serves both:
//!
//! | GB/s of 4-bit weights, two threads | not asked | 2 kB ahead | 4 kB ahead |
//! |---|---|---|---|
//! | one token, Xeon of the 4th generation | 18 | 22 | 24 (12 and 16 kB: 24, 23) |
//! | one token, Zen 4 | 32 | 27 | |
//! | eight tokens, Zen 4 | 16 | 20 | |
//!
//! So the maker is asked of the processor, once. Answers are the same bits either way.

use std::arch::x86_64::__cpuid;
use std::sync::OnceLock;

/// What a kernel asks for while it works on something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ahead {
    /// Distance from what is in use.
    pub(super) bytes: usize,
    /// Tokens in a tile from which it pays.
    pub(super) from_tokens: usize,
}

impl Ahead {
    /// What this processor wants.
    pub(super) fn here() -> Ahead {
        static HERE: OnceLock<Ahead> = OnceLock::new();
        *HERE.get_or_init(|| {
            // The maker's name, "GenuineIntel", is in EBX, EDX and ECX of leaf 0, in this order
            // (Intel 64 and IA-32 manual, volume 2A, CPUID).
            let leaf = __cpuid(0);
            let name = [leaf.ebx, leaf.edx, leaf.ecx].map(u32::to_le_bytes);
            if name.as_flattened() == b"GenuineIntel" { Ahead::INTEL } else { Ahead::OTHERS }
        })
    }

    const INTEL: Ahead = Ahead { bytes: 4096, from_tokens: 1 };

    /// With few tokens the loop itself runs ahead far enough, and asking takes the place of loads.
    const OTHERS: Ahead = Ahead { bytes: 2048, from_tokens: 5 };
}
