//! Which page a request line asks for. Pure.

use crate::form::{self, Form, Plus};

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
    /// `GET /healthz`: the state of the box, for programs.
    Health,
    /// `GET /app.css`.
    Style,
    /// `GET /app.js`.
    Script,
    /// Anything else.
    Unknown,
}

impl Route {
    /// What may be done with the page, as an `Allow` header has it.
    pub(crate) fn allow(&self) -> &'static str {
        match self {
            Self::Ask => "POST",
            _ => "GET, HEAD",
        }
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
        (Some("healthz"), None, ..) => Route::Health,
        (Some("app.css"), None, ..) => Route::Style,
        (Some("app.js"), None, ..) => Route::Script,
        _ => Route::Unknown,
    }
}

fn code_of(segment: &str, route: fn(String) -> Route) -> Route {
    form::decode(segment.as_bytes(), Plus::IsPlus).map_or(Route::Unknown, route)
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
        for unknown in ["", "*", "a", "///", "/b", "/a/4/other", "/a/4/stream/x", "/a/%F", "/../a"]
        {
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
