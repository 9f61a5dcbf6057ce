//! A real Chromium, driven over WebDriver (W3C Recommendation of 5 June 2018) by as much of a
//! client as these tests need.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{is_here, wait_for};

/// The name under which WebDriver hands out elements.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// What people are told if there is no browser.
const INSTALL: &str = "these tests need Chromium and its driver: \
                       install the packages chromium and chromium-driver";

/// How a browser is set up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup {
    pub(crate) javascript: bool,
    /// Width and height in CSS pixels.
    pub(crate) size: (u32, u32),
    /// Behaves as a phone does: touch, overlay scroll bars, the viewport of the page.
    pub(crate) phone: bool,
}

impl Setup {
    /// A cheap phone.
    pub(crate) const PHONE: Self = Self { javascript: true, size: (360, 640), phone: true };
    /// A small laptop.
    pub(crate) const LAPTOP: Self = Self { javascript: true, size: (1280, 800), phone: false };

    /// The same without JavaScript.
    pub(crate) fn without_javascript(self) -> Self {
        Self { javascript: false, ..self }
    }
}

/// A running browser with one page; closed when dropped.
pub(crate) struct Browser {
    driver: Child,
    agent: ureq::Agent,
    session: String,
    _profile: TempDir,
}

impl Browser {
    /// Starts a browser with an empty profile; `None`, said aloud, where none is installed.
    pub(crate) fn start(setup: Setup) -> Option<Self> {
        if !is_here("chromedriver", INSTALL) {
            return None;
        }
        let profile = tempfile::tempdir().unwrap();
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("could not start chromedriver ({error}): {INSTALL}"));
        let port = port(&mut driver);
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(60)))
            .build();
        let agent = ureq::Agent::new_with_config(config);
        let mut browser = Self {
            driver,
            agent,
            session: format!("http://127.0.0.1:{port}/session"),
            _profile: profile,
        };
        let wanted = wanted(setup, browser._profile.path().to_str().unwrap());
        let session = browser.post("", &wanted).unwrap_or_else(|e| panic!("{e}: {INSTALL}"));
        browser.session += &format!("/{}", session["sessionId"].as_str().unwrap());
        // The size of a window counts its frame; that of the page is what we want.
        let (width, height) = setup.size;
        browser.devtools(
            "Emulation.setDeviceMetricsOverride",
            json!({"width": width, "height": height, "mobile": setup.phone,
                   "deviceScaleFactor": if setup.phone { 2 } else { 1 }}),
        );
        Some(browser)
    }

    /// Opens a page and waits until it is loaded.
    pub(crate) fn go(&self, url: &str) {
        self.post("/url", &json!({ "url": url })).unwrap();
    }

    /// The address of the page.
    pub(crate) fn url(&self) -> String {
        self.get("/url").as_str().unwrap().to_owned()
    }

    /// The visible text of the first element that matches, if there is one.
    pub(crate) fn text(&self, css: &str) -> Option<String> {
        let element = self.find(css)?;
        let text = self.get_if_there(&format!("/element/{element}/text"))?;
        text.as_str().map(str::to_owned)
    }

    /// Types into the first element that matches.
    pub(crate) fn type_into(&self, css: &str, text: &str) {
        let element = wait_for(css, || self.find(css));
        self.post(&format!("/element/{element}/value"), &json!({ "text": text })).unwrap();
    }

    /// Presses the first element that matches, by keyboard as on a phone with keys: a driver's
    /// click waits for scripts, which do not run in a browser without JavaScript.
    pub(crate) fn press(&self, css: &str) {
        self.type_into(css, "\u{E007}");
    }

    /// The value of a JavaScript function's body.
    pub(crate) fn script(&self, body: &str) -> Value {
        self.post("/execute/sync", &json!({"script": body, "args": []})).unwrap()
    }

    /// A PNG of the page: what the window shows, or all of it.
    pub(crate) fn picture(&self, whole: bool) -> Vec<u8> {
        let params = json!({"format": "png", "captureBeyondViewport": whole});
        let picture = self.devtools("Page.captureScreenshot", params);
        base64(picture["data"].as_str().unwrap())
    }

    /// What WebDriver has no word for, in Chromium's own protocol.
    fn devtools(&self, command: &str, params: Value) -> Value {
        self.post("/goog/cdp/execute", &json!({"cmd": command, "params": params})).unwrap()
    }

    fn find(&self, css: &str) -> Option<String> {
        let found = self.post("/element", &json!({"using": "css selector", "value": css})).ok()?;
        Some(found[ELEMENT].as_str()?.to_owned())
    }

    fn get(&self, path: &str) -> Value {
        self.get_if_there(path).unwrap_or_else(|| panic!("GET {path} failed"))
    }

    /// Nothing if the element left the page meanwhile.
    fn get_if_there(&self, path: &str) -> Option<Value> {
        let mut reply = self.agent.get(format!("{}{path}", self.session)).call().unwrap();
        let text = reply.body_mut().read_to_string().unwrap();
        let mut reply_json: Value = serde_json::from_str(&text).unwrap();
        reply.status().is_success().then(|| reply_json["value"].take())
    }

    fn post(&self, path: &str, body: &Value) -> Result<Value, String> {
        let url = format!("{}{path}", self.session);
        let request = self.agent.post(url).header("Content-Type", "application/json");
        let mut reply = request.send(body.to_string()).map_err(|error| error.to_string())?;
        let limit = 64 << 20;
        let text = reply.body_mut().with_config().limit(limit).read_to_string();
        let mut value: Value = serde_json::from_str(&text.unwrap()).unwrap();
        if reply.status().is_success() {
            Ok(value["value"].take())
        } else {
            Err(value["value"]["message"].as_str().unwrap_or("no message").to_owned())
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.agent.delete(&self.session).call();
        // The browser outlives its driver, so both go: they are a process group of their own.
        let group = format!("-{}", self.driver.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.driver.wait();
    }
}

/// The port that a driver says it took.
fn port(driver: &mut Child) -> u16 {
    let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
    let port = loop {
        let line = lines.next().expect("chromedriver ended at once").unwrap();
        if let Some((_, port)) = line.split_once("successfully on port ") {
            break port.trim_end_matches('.').parse().unwrap();
        }
    };
    // It goes on talking, and must not wait for a reader.
    std::thread::spawn(move || lines.for_each(drop));
    port
}

fn wanted(setup: Setup, profile: &str) -> Value {
    let (width, height) = setup.size;
    let mut options = json!({
        "args": [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--disable-dev-shm-usage", "--lang=en",
            format!("--user-data-dir={profile}"), format!("--window-size={width},{height}"),
        ],
        "prefs": {
            "intl.accept_languages": "en",
            "profile.managed_default_content_settings.javascript":
                if setup.javascript { 1 } else { 2 },
        },
    });
    if setup.phone {
        options["mobileEmulation"] = json!({
            "deviceMetrics": {"width": width, "height": height, "pixelRatio": 2.0, "touch": true},
        });
    }
    json!({"capabilities": {"alwaysMatch": {
        "browserName": "chrome",
        "goog:chromeOptions": options,
    }}})
}

/// Decodes base64 (RFC 4648) that a program wrote.
fn base64(text: &str) -> Vec<u8> {
    let value = |byte: u8| match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let (mut bits, mut count, mut out) = (0_u32, 0, Vec::with_capacity(text.len() / 4 * 3));
    for byte in text.bytes().filter(|&byte| byte != b'=') {
        bits = bits << 6 | u32::from(value(byte));
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    out
}
