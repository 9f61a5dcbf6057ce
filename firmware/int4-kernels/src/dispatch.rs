//! Which instruction set runs: asked once of the machine, or forced by name.

#[cfg(target_arch = "aarch64")]
use crate::aarch64::{dotprod::NeonDotprod, i8mm::NeonI8mm, neon::Neon};
#[cfg(target_arch = "arm")]
use crate::arm::neon::ArmNeon;
#[cfg(target_arch = "x86_64")]
use crate::x86::avx2::Avx2;
#[cfg(target_arch = "x86_64")]
use crate::x86::avx512vnni::Avx512Vnni;
#[cfg(target_arch = "x86_64")]
use crate::x86::avxvnni::{Avx512VlVnni256, AvxVnni};

/// Environment variable that forces a kernel by its [`Isa::name`]; for tests and for comparing.
pub const KERNEL_VARIABLE: &str = "BARAZA_KERNEL";

/// An instruction set that this machine runs. Values exist only for sets that are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Isa(pub(crate) Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni(Avx512Vnni),
    #[cfg(target_arch = "x86_64")]
    AvxVnni(AvxVnni),
    #[cfg(target_arch = "x86_64")]
    Avx512VlVnni256(Avx512VlVnni256),
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(target_arch = "aarch64")]
    NeonI8mm(NeonI8mm),
    #[cfg(target_arch = "aarch64")]
    NeonDotprod(NeonDotprod),
    #[cfg(target_arch = "aarch64")]
    Neon(Neon),
    #[cfg(target_arch = "arm")]
    ArmNeon(ArmNeon),
}

/// A kernel was asked for that does not exist or that this machine cannot run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownIsa {
    /// The name asked for.
    pub name: String,
}

impl std::fmt::Display for UnknownIsa {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let here: Vec<_> = Isa::available().iter().map(|isa| isa.name()).collect();
        write!(f, "this machine has no kernel `{}`: choose from {}", self.name, here.join(", "))
    }
}

impl std::error::Error for UnknownIsa {}

impl Isa {
    /// The specification, slow, everywhere.
    pub const SCALAR: Isa = Isa(Kind::Scalar);

    /// Everything this machine can run, best first; the last one is always scalar.
    pub fn available() -> Vec<Isa> {
        let mut found = vec![];
        #[cfg(target_arch = "x86_64")]
        {
            found.extend(Avx512Vnni::new().map(|isa| Isa(Kind::Avx512Vnni(isa))));
            found.extend(AvxVnni::new().map(|isa| Isa(Kind::AvxVnni(isa))));
            found.extend(Avx512VlVnni256::new().map(|isa| Isa(Kind::Avx512VlVnni256(isa))));
            found.extend(Avx2::new().map(|isa| Isa(Kind::Avx2(isa))));
        }
        #[cfg(target_arch = "aarch64")]
        {
            found.extend(NeonI8mm::new().map(|isa| Isa(Kind::NeonI8mm(isa))));
            found.extend(NeonDotprod::new().map(|isa| Isa(Kind::NeonDotprod(isa))));
            found.push(Isa(Kind::Neon(Neon)));
        }
        #[cfg(target_arch = "arm")]
        found.extend(ArmNeon::new().map(|isa| Isa(Kind::ArmNeon(isa))));
        found.push(Isa::SCALAR);
        found
    }

    /// The best one.
    pub fn best() -> Isa {
        Isa::available()[0]
    }

    /// The one named in [`KERNEL_VARIABLE`], or the best one.
    ///
    /// # Errors
    /// [`UnknownIsa`] if the variable names one that this machine has not.
    pub fn from_environment() -> Result<Isa, UnknownIsa> {
        match std::env::var(KERNEL_VARIABLE) {
            Ok(name) if !name.is_empty() => Isa::named(&name),
            _ => Ok(Isa::best()),
        }
    }

    /// The one of this name.
    ///
    /// # Errors
    /// [`UnknownIsa`] if this machine has none of this name.
    pub fn named(name: &str) -> Result<Isa, UnknownIsa> {
        let found = Isa::available().into_iter().find(|isa| isa.name() == name);
        found.ok_or_else(|| UnknownIsa { name: name.to_owned() })
    }

    /// `scalar`; `avx512vnni`, `avxvnni`, `avx512vl-vnni256` or `avx2` on x86-64; `neon-i8mm`,
    /// `neon-dotprod` or `neon` on 64-bit ARM; `armv7-neon` on 32-bit ARM.
    pub fn name(self) -> &'static str {
        match self.0 {
            Kind::Scalar => "scalar",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512Vnni(_) => "avx512vnni",
            #[cfg(target_arch = "x86_64")]
            Kind::AvxVnni(_) => "avxvnni",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512VlVnni256(_) => "avx512vl-vnni256",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2(_) => "avx2",
            #[cfg(target_arch = "aarch64")]
            Kind::NeonI8mm(_) => "neon-i8mm",
            #[cfg(target_arch = "aarch64")]
            Kind::NeonDotprod(_) => "neon-dotprod",
            #[cfg(target_arch = "aarch64")]
            Kind::Neon(_) => "neon",
            #[cfg(target_arch = "arm")]
            Kind::ArmNeon(_) => "armv7-neon",
        }
    }
}
