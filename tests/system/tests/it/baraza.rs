//! The binary as people run it: commands, and boxes that serve, are killed and are started again.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// Time for a box to come up, on a machine that is busy with other tests.
const START_TIME_MAX: Duration = Duration::from_secs(60);

/// The binary, built once in the profile and target folder of this test.
pub(crate) fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let test = std::env::current_exe().unwrap();
        let profile = test.parent().and_then(Path::parent).expect("target/PROFILE/deps/TEST");
        let target = profile.parent().expect("target/PROFILE");
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build.current_dir(root()).args(["build", "--quiet", "-p", "server", "--bin", "baraza"]);
        build.arg("--target-dir").arg(target);
        if profile.ends_with("release") {
            build.arg("--release");
        }
        assert!(build.status().unwrap().success(), "the binary does not build");
        profile.join("baraza")
    })
}

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A command with nothing of the developer's environment that changes what it does.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(args).stdin(Stdio::null());
    for name in ["BARAZA_DATA", "BARAZA_MEMORY_BYTES", "BARAZA_KERNEL", "RUST_LOG"] {
        command.env_remove(name);
    }
    command
}

/// Runs a command to its end.
pub(crate) fn run(args: &[&str]) -> Output {
    command(args).output().unwrap()
}

/// `baraza ask --json` in a data folder; the command must succeed.
pub(crate) fn ask(data: &Path, question: &str) -> Value {
    let output = run(&["ask", question, "--json", "--data", data.to_str().unwrap()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A running `baraza serve`, killed when dropped.
pub(crate) struct Served {
    child: Child,
    pub(crate) address: SocketAddr,
    log: Receiver<String>,
}

impl Served {
    /// Starts a box on a free port and waits until it is ready.
    pub(crate) fn start(data: &Path) -> Self {
        Self::start_with(data, |_| {})
    }

    /// As [`Served::start`], with changes to the command.
    pub(crate) fn start_with(data: &Path, change: impl FnOnce(&mut Command)) -> Self {
        let mut command = command(&["serve", "--listen", "127.0.0.1:0", "--data"]);
        command.arg(data).stdout(Stdio::null()).stderr(Stdio::piped());
        change(&mut command);
        let mut child = command.spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, log) = mpsc::channel();
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let mut seen = Vec::new();
        loop {
            let Ok(line) = log.recv_timeout(START_TIME_MAX) else {
                let _ = child.kill();
                let _ = child.wait();
                panic!("no box came up: {seen:?}");
            };
            if let Some((_, rest)) = line.split_once("baraza is ready address=") {
                let address = rest.split(' ').next().unwrap().parse().unwrap();
                return Self { child, address, log };
            }
            seen.push(line);
        }
    }

    /// Posts a question as a form without JavaScript does; its code, or `None` if the box went away
    /// or refused.
    pub(crate) fn post(&self, question: &str) -> Option<String> {
        post(self.address, question)
    }

    /// The root of the file system as the box sees it.
    pub(crate) fn root(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root", self.child.id()))
    }

    /// A page, as text.
    pub(crate) fn get(&self, path: &str) -> String {
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address);
        exchange(self.address, &request).unwrap_or_default()
    }

    /// The page that a person gets who posts a question, without following where it leads.
    pub(crate) fn ask_page(&self, question: &str) -> String {
        exchange(self.address, &asking(self.address, question)).unwrap_or_default()
    }

    /// The power goes.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, as a service manager sends it; gives what the box logged since it was ready.
    pub(crate) fn stop(mut self) -> Vec<String> {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let until = Instant::now() + Duration::from_secs(20);
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None if Instant::now() > until => panic!("SIGTERM does not end it"),
                None => thread::sleep(Duration::from_millis(10)),
            }
        };
        let log: Vec<String> = self.log.iter().collect();
        assert!(status.success(), "{status}: {log:?}");
        log
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn asking(address: SocketAddr, question: &str) -> String {
    let mut body = String::from("question=");
    for byte in question.bytes() {
        body.push_str(&format!("%{byte:02X}"));
    }
    format!(
        "POST /ask HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn exchange(address: SocketAddr, request: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
    stream.write_all(request.as_bytes()).ok()?;
    let mut response = Vec::new();
    stream.read_to_end(&mut response).ok()?;
    Some(String::from_utf8_lossy(&response).into_owned())
}

/// Posts a question to a box at an address.
pub(crate) fn post(address: SocketAddr, question: &str) -> Option<String> {
    let response = exchange(address, &asking(address, question))?;
    let location = response.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("location").then(|| value.trim().to_owned())
    })?;
    let code = location.strip_prefix("/a/")?;
    Some(code.split(['?', '#']).next().unwrap().to_owned())
}

/// Every question and phrasing of the starter pack, each once, in order.
pub(crate) fn starter_wordings() -> Vec<String> {
    let path = root().join("app/store/knowledge/starter-en.jsonl");
    let text = std::fs::read_to_string(path).unwrap();
    let mut wordings = Vec::new();
    for line in text.lines().skip(1) {
        let entry: Value = serde_json::from_str(line).unwrap();
        wordings.push(entry["question"].as_str().unwrap().to_owned());
        let phrasings = entry["phrasings"].as_array().unwrap();
        wordings.extend(phrasings.iter().map(|p| p.as_str().unwrap().to_owned()));
    }
    wordings
}
