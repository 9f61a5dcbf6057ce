//! Which page a request line asks for. Pure.

use answer::review::{List, Target as Reviewed};

use crate::form::{self, Form, Plus};
use crate::limits::{BODY_BYTES_MAX, REVIEW_BODY_BYTES_MAX};

/// A page of the box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// `GET /`: the first page.
    Home,
    /// `POST /ask`: a question.
    Ask,
    /// `GET /a?code=CODE`: a code typed by hand.
    TypedCode,
    /// `GET /a/CODE`: an answer, or where it stands.
    Answer(String),
    /// `GET /a/CODE/stream`: the answer as it is written.
    Stream(String),
    /// `POST /a/CODE/feedback`: whether the answer helped.
    Feedback(String),
    /// `GET /a/CODE/delete` asks, `POST` deletes.
    Delete(String),
    /// `GET /deleted`: after a question was deleted.
    Deleted,
    /// `GET /s/PLACE`: a passage with what stands around it.
    Source(i64),
    /// `GET /status`: the state of the box, for people.
    Status,
    /// `GET /healthz`: the state of the box, for programs.
    Health,
    /// The review desk.
    Review(Review),
    /// `GET /app.css`.
    Style,
    /// `GET /app.js`.
    Script,
    /// `GET /review.css`.
    ReviewStyle,
    /// `GET /review.js`.
    ReviewScript,
    /// Anything else.
    Unknown,
}

/// A page of the review desk, under `/review`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Review {
    /// `GET /review`: the list of what is to be checked, or the way in.
    Front,
    /// `POST /review/login`.
    LogIn,
    /// `POST /review/logout`.
    LogOut,
    /// `GET /review/list/NAME`.
    List(List),
    /// `GET /review/item/TARGET` shows, `POST` decides.
    Item(Reviewed),
    /// `GET /review/packs`: the knowledge, and what is on the stick.
    Packs,
    /// `POST /review/import`.
    Import,
    /// `GET` and `POST /review/site`.
    Site,
    /// `GET` and `POST /review/clock`.
    Clock,
    /// `GET /review/log`.
    Log,
    /// `GET /review/export`: all decisions as a file.
    Export,
}

/// The lists of the review desk, with their names in addresses.
pub(crate) const LISTS: [(&str, List); 5] = [
    ("open", List::Open),
    ("second", List::NeedsSecond),
    ("unanswered", List::Unanswered),
    ("entries", List::Entries),
    ("decided", List::Decided),
];

/// The list of that name.
pub(crate) fn list_named(name: &str) -> Option<List> {
    LISTS.into_iter().find(|(known, _)| *known == name).map(|(_, list)| list)
}

/// A list's name in addresses.
pub(crate) fn list_name(list: List) -> &'static str {
    LISTS.into_iter().find(|(_, known)| *known == list).map_or("open", |(name, _)| name)
}

impl Route {
    /// What may be done with the page, as an `Allow` header has it.
    pub(crate) fn allow(&self) -> &'static str {
        match self {
            Self::Ask
            | Self::Feedback(_)
            | Self::Review(Review::LogIn | Review::LogOut | Review::Import) => "POST",
            Self::Delete(_) | Self::Review(Review::Item(_) | Review::Site | Review::Clock) => {
                "GET, HEAD, POST"
            }
            _ => "GET, HEAD",
        }
    }

    /// Bytes that a body sent to this page may have.
    pub(crate) fn body_bytes_max(&self) -> usize {
        match self {
            Self::Review(_) => REVIEW_BODY_BYTES_MAX,
            _ => BODY_BYTES_MAX,
        }
    }

    /// True for pages that show or change what is kept under a code.
    pub(crate) fn needs_code(&self) -> bool {
        matches!(
            self,
            Self::TypedCode
                | Self::Answer(_)
                | Self::Stream(_)
                | Self::Feedback(_)
                | Self::Delete(_)
        )
    }

    /// True if the page understands the method.
    pub(crate) fn takes(&self, method: &str) -> bool {
        self.allow().split(", ").any(|allowed| allowed == method)
    }
}

/// A request's target, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// The page.
    pub(crate) route: Route,
    /// Its query; one that cannot be read counts as empty, since no page needs one.
    pub(crate) query: Form,
}

impl Target {
    /// Takes `/path?query` or, as proxies send it, `http://host/path?query` (RFC 9112, 3.2).
    pub(crate) fn parse(target: &str) -> Self {
        let target = without_authority(target);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let query = Form::parse(query.as_bytes()).unwrap_or_default();
        Self { route: route(path), query }
    }
}

fn without_authority(target: &str) -> &str {
    let Some(rest) = target.strip_prefix("http://") else { return target };
    rest.find(['/', '?']).map_or("/", |start| &rest[start..])
}

fn route(path: &str) -> Route {
    let Some(path) = path.strip_prefix('/') else { return Route::Unknown };
    // One slash too many at the end is how people type addresses.
    let path = path.strip_suffix('/').unwrap_or(path);
    let mut segments = path.split('/');
    match (segments.next(), segments.next(), segments.next(), segments.next()) {
        (Some(""), None, ..) => Route::Home,
        (Some("ask"), None, ..) => Route::Ask,
        (Some("a"), None, ..) => Route::TypedCode,
        (Some("a"), Some(code), None, _) => code_of(code, Route::Answer),
        (Some("a"), Some(code), Some("stream"), None) => code_of(code, Route::Stream),
        (Some("a"), Some(code), Some("feedback"), None) => code_of(code, Route::Feedback),
        (Some("a"), Some(code), Some("delete"), None) => code_of(code, Route::Delete),
        (Some("deleted"), None, ..) => Route::Deleted,
        (Some("s"), Some(place), None, _) => place_of(place).map_or(Route::Unknown, Route::Source),
        (Some("status"), None, ..) => Route::Status,
        (Some("healthz"), None, ..) => Route::Health,
        (Some("review"), page, of, None) => review(page, of).map_or(Route::Unknown, Route::Review),
        (Some("review.css"), None, ..) => Route::ReviewStyle,
        (Some("review.js"), None, ..) => Route::ReviewScript,
        (Some("app.css"), None, ..) => Route::Style,
        (Some("app.js"), None, ..) => Route::Script,
        _ => Route::Unknown,
    }
}

fn code_of(segment: &str, route: fn(String) -> Route) -> Route {
    form::decode(segment.as_bytes(), Plus::IsPlus).map_or(Route::Unknown, route)
}

/// A passage's place: a number as we write it.
fn place_of(segment: &str) -> Option<i64> {
    let plain = segment.len() <= 18 && segment.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| segment.parse().ok()).flatten()
}

fn review(page: Option<&str>, of: Option<&str>) -> Option<Review> {
    Some(match (page, of) {
        (None, None) => Review::Front,
        (Some("login"), None) => Review::LogIn,
        (Some("logout"), None) => Review::LogOut,
        (Some("list"), Some(name)) => Review::List(list_named(name)?),
        (Some("item"), Some(target)) => Review::Item(Reviewed::parse(target)?),
        (Some("packs"), None) => Review::Packs,
        (Some("import"), None) => Review::Import,
        (Some("site"), None) => Review::Site,
        (Some("clock"), None) => Review::Clock,
        (Some("log"), None) => Review::Log,
        (Some("export"), None) => Review::Export,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn route_of(target: &str) -> Route {
        Target::parse(target).route
    }

    #[test]
    fn every_page_is_found() {
        assert_eq!(route_of("/"), Route::Home);
        assert_eq!(route_of("/?lang=ar"), Route::Home);
        assert_eq!(route_of("http://10.0.0.1:8080"), Route::Home);
        assert_eq!(route_of("http://10.0.0.1/a/4712"), Route::Answer("4712".into()));

        assert_eq!(route_of("/ask"), Route::Ask);
        assert_eq!(route_of("/a"), Route::TypedCode);
        assert_eq!(route_of("/a/?code=4"), Route::TypedCode);
        assert_eq!(route_of("/a/4712"), Route::Answer("4712".into()));
        assert_eq!(route_of("/a/4712/"), Route::Answer("4712".into()));
        assert_eq!(route_of("/a/47%2012/stream"), Route::Stream("47 12".into()));
        assert_eq!(route_of("/healthz"), Route::Health);
        assert_eq!(route_of("/app.css?v=1"), Route::Style);
        assert_eq!(route_of("/app.js"), Route::Script);
        assert_eq!(route_of("/a/4/feedback"), Route::Feedback("4".into()));
        assert_eq!(route_of("/a/4/delete"), Route::Delete("4".into()));
        assert_eq!(route_of("/s/12?a=K7M4RTW"), Route::Source(12));
        assert_eq!(route_of("/status"), Route::Status);
        for unknown in ["", "*", "a", "///", "/b", "/a/4/other", "/a/4/stream/x", "/a/%F", "/../a"]
        {
            assert_eq!(route_of(unknown), Route::Unknown, "{unknown}");
        }
        for unknown in ["/s", "/s/", "/s/-1", "/s/x", "/s/1/2", "/s/9999999999999999999"] {
            assert_eq!(route_of(unknown), Route::Unknown, "{unknown}");
        }
    }

    #[test]
    fn every_page_of_the_review_desk_is_found() {
        for (path, page) in [
            ("/review", Review::Front),
            ("/review/", Review::Front),
            ("/review/login", Review::LogIn),
            ("/review/logout", Review::LogOut),
            ("/review/item/q12", Review::Item(Reviewed::Question(12))),
            ("/review/item/e7", Review::Item(Reviewed::Entry(7))),
            ("/review/packs", Review::Packs),
            ("/review/import", Review::Import),
            ("/review/site", Review::Site),
            ("/review/clock", Review::Clock),
            ("/review/log?from=20", Review::Log),
            ("/review/export", Review::Export),
        ] {
            assert_eq!(route_of(path), Route::Review(page), "{path}");
        }
        for (name, list) in LISTS {
            let route = route_of(&format!("/review/list/{name}"));
            assert_eq!(route, Route::Review(Review::List(list)));
            assert_eq!((list_named(name), list_name(list)), (Some(list), name));
        }
        for unknown in [
            "/review/x",
            "/review/list",
            "/review/list/x",
            "/review/item",
            "/review/item/12",
            "/review/item/q1/x",
            "/review/login/x",
            "/review//",
            "/reviews",
        ] {
            assert_eq!(route_of(unknown), Route::Unknown, "{unknown}");
        }
    }

    #[test]
    fn methods_are_checked() {
        assert!(Route::Home.takes("GET") && Route::Home.takes("HEAD"));
        assert!(!Route::Home.takes("POST") && !Route::Home.takes("GET, HEAD"));
        assert!(Route::Ask.takes("POST") && !Route::Ask.takes("GET"));
    }

    proptest! {
        #[test]
        fn any_target_has_a_route(target in ".{0,120}") {
            let _ = Target::parse(&target);
        }

        #[test]
        fn any_code_comes_through(code in "[^/]{1,20}") {
            let target = format!("/a/{}", form::encode(&code));
            prop_assert_eq!(route_of(&target), Route::Answer(code));
        }
    }
}
