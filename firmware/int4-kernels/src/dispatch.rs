//! Which instruction set runs: asked once of the machine, or forced by name.

#[cfg(target_arch = "x86_64")]
use crate::x86::avx512vnni::Avx512Vnni;

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
        if let Some(isa) = Avx512Vnni::new() {
            found.push(Isa(Kind::Avx512Vnni(isa)));
        }
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

    /// `scalar` or `avx512vnni`.
    pub fn name(self) -> &'static str {
        match self.0 {
            Kind::Scalar => "scalar",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512Vnni(_) => "avx512vnni",
        }
    }
}
