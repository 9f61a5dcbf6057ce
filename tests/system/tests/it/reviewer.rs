//! A reviewer with a browser that has no JavaScript.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Mutex;

use crate::baraza;

/// Lets somebody review; gives her PIN.
pub(crate) fn add(data: &Path, role: &str) -> String {
    let output = baraza::run(&["review", "add", role, "--data", data.to_str().unwrap()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let pin = text.lines().next().unwrap().rsplit(' ').next().unwrap().to_owned();
    assert!(pin.len() >= 6 && pin.bytes().all(|b| b.is_ascii_digit()), "{text}");
    pin
}

/// A session at the review desk.
pub(crate) struct Desk {
    agent: ureq::Agent,
    address: SocketAddr,
    cookie: String,
}

impl Desk {
    /// Logs in; `None` if the box went away or refused.
    pub(crate) fn log_in(address: SocketAddr, pin: &str) -> Option<Self> {
        let config = ureq::Agent::config_builder().max_redirects(0).http_status_as_error(false);
        let agent: ureq::Agent = config.build().into();
        let url = format!("http://{address}/review/login");
        let response = agent.post(url).send_form([("pin", pin)]).ok()?;
        let cookie = response.headers().get("set-cookie")?.to_str().ok()?;
        let cookie = cookie.split(';').next()?.to_owned();
        Some(Self { agent, address, cookie })
    }

    /// A page, or `None` if the box went away.
    pub(crate) fn get(&self, path: &str) -> Option<String> {
        let request = self.agent.get(format!("http://{}{path}", self.address));
        let mut response = request.header("Cookie", &self.cookie).call().ok()?;
        response.body_mut().read_to_string().ok()
    }

    /// Sends a form; the status, or `None` if the box went away.
    pub(crate) fn post(&self, path: &str, fields: &[(&str, &str)]) -> Option<u16> {
        let request = self.agent.post(format!("http://{}{path}", self.address));
        let request = request.header("Cookie", &self.cookie);
        Some(request.send_form(fields.iter().copied()).ok()?.status().as_u16())
    }

    /// Decides on the first item of a list with the button `value`; the item's name, once the desk
    /// has taken the decision.
    pub(crate) fn decide_first(&self, list: &str, button: &str) -> Option<String> {
        let page = self.get(&format!("/review/list/{list}"))?;
        let action = between(&page, "action=\"/review/item/", "\"")?;
        let target = action.split('?').next()?.to_owned();
        let form = &page[page.find(&format!("/review/item/{action}"))?..];
        let field = |name: &str| {
            let from = format!("name=\"{name}\" value=\"");
            between(form, &from, "\"").unwrap_or_default().to_owned()
        };
        let (token, version) = (field("token"), field("version"));
        let fields = [
            ("token", token.as_str()),
            ("version", version.as_str()),
            ("list", list),
            ("do", button),
            ("reason", "a test"),
        ];
        let status = self.post(&format!("/review/item/{target}"), &fields)?;
        (status == 303).then_some(target)
    }
}

fn between<'t>(text: &'t str, from: &str, to: &str) -> Option<&'t str> {
    let start = text.find(from)? + from.len();
    let end = text[start..].find(to)?;
    Some(&text[start..start + end])
}

/// Approves entries until the box goes away; notes each that the desk has taken.
pub(crate) fn approve_for_ever(address: SocketAddr, pin: &str, approved: &Mutex<Vec<String>>) {
    let Some(desk) = Desk::log_in(address, pin) else { return };
    while let Some(target) = desk.decide_first("entries", "approve") {
        approved.lock().unwrap().push(target);
    }
}
