//! The real binary, serving.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;

use super::wait_for;

/// The `baraza` binary, built now if it is not there in its current version.
pub(crate) fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        // This test runs from `<target>/<profile>/deps/`; the binary belongs two levels up.
        let test = std::env::current_exe().unwrap();
        let profile = test.parent().and_then(Path::parent).unwrap();
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--package", "server", "--bin", "baraza"]);
        build.arg("--target-dir").arg(profile.parent().unwrap());
        if profile.ends_with("release") {
            build.arg("--release");
        }
        assert!(build.status().unwrap().success(), "baraza does not build");
        profile.join(format!("baraza{}", std::env::consts::EXE_SUFFIX))
    })
}

/// `baraza serve` with the embedded model and a fresh data folder; ended when dropped.
pub(crate) struct Serving {
    process: Child,
    address: SocketAddr,
    /// The data folder, and what the server wrote to its log.
    _folder: TempDir,
}

impl Serving {
    /// Starts it on a free port and waits until it takes connections.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let address = free_address();
        let mut process = Command::new(binary())
            .args(["serve", "--listen", &address.to_string(), "--data"])
            .arg(folder.path().join("data"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        wait_for("baraza serve", || {
            if let Some(status) = process.try_wait().unwrap() {
                let log = fs::read_to_string(&log).unwrap_or_default();
                panic!("baraza serve ended with {status}:\n{log}");
            }
            TcpStream::connect(address).ok()
        });
        Self { process, address, _folder: folder }
    }

    /// The address of a page.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// An address that nobody listens on just now.
fn free_address() -> SocketAddr {
    TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr()).unwrap()
}
