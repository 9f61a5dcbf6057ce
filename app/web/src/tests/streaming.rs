//! Answers that stream.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use answer::desk::{Origin, Progress, Stage};

use super::desk::{answer, floor};
use super::{Box_, header, status};
use crate::Options;

fn open(box_: &Box_, target: &str) -> BufReader<TcpStream> {
    let mut socket = box_.connect();
    socket.write_all(format!("GET {target} HTTP/1.1\r\nHost: box\r\n\r\n").as_bytes()).unwrap();
    BufReader::new(socket)
}

fn follower(box_: &Box_) -> Sender<Progress> {
    wait_for(|| box_.desk.followers.lock().unwrap().pop())
}

fn wait_for<T>(mut what: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        if let Some(found) = what() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited too long");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The next line that says something.
fn line(reader: &mut BufReader<TcpStream>) -> String {
    loop {
        let mut line = String::new();
        assert_ne!(reader.read_line(&mut line).unwrap(), 0, "the stream ended");
        if !line.trim().is_empty() {
            return line.trim().to_owned();
        }
    }
}

fn event(reader: &mut BufReader<TcpStream>) -> (String, serde_json::Value) {
    loop {
        if let Some(name) = line(reader).strip_prefix("event: ") {
            let data = line(reader);
            return (name.into(), serde_json::from_str(&data["data: ".len()..]).unwrap());
        }
    }
}

#[test]
fn each_event_arrives_when_it_happens() {
    let box_ = Box_::start();
    box_.desk.put(Stage::Waiting { ahead: 1, wait_s: Some(90) });
    *box_.desk.floor.lock().unwrap() = Some(floor());
    let mut reader = open(&box_, "/a/K7M4RTW/stream?lang=ar");
    let sender = follower(&box_);
    assert_eq!(line(&mut reader), "HTTP/1.1 200 OK");
    let (name, data) = event(&mut reader);
    assert_eq!((&*name, &data["text"]), ("floor", &"Go to the health centre now.".into()));
    assert_eq!((&data["reviewed"], &data["language"]), (&false.into(), &"en".into()));

    sender.send(Progress::Ahead(1)).unwrap();
    let (name, data) = event(&mut reader);
    assert_eq!((&*name, &data["ahead"]), ("ahead", &1.into()));
    assert_eq!(data["message"], "قبلك سؤال واحد.");
    assert_eq!(data["wait"], "يستغرق ذلك دقيقتين تقريباً.");

    sender.send(Progress::Text("one\ntwo \u{2028} <b>".into())).unwrap();
    let (name, data) = event(&mut reader);
    assert_eq!((&*name, &data["text"]), ("text", &"one\ntwo \u{2028} <b>".into()));

    sender.send(Progress::Done(answer(Origin::Model))).unwrap();
    let (name, data) = event(&mut reader);
    assert_eq!((&*name, &data["origin"]), ("done", &"model".into()));
    assert_eq!(data["sources"][0]["id"], "ors");
    assert_eq!(data["notice"], "A demonstration model: <not> advice.");

    let mut rest = String::new();
    reader.read_to_string(&mut rest).unwrap();
    assert_eq!(rest.trim(), "", "nothing follows the last event, and the stream ends");
}

#[test]
fn a_stream_has_the_headers_of_one() {
    let box_ = Box_::start();
    box_.desk.put(Stage::Waiting { ahead: 0, wait_s: None });
    let mut reader = open(&box_, "/a/K7M4RTW/stream");
    follower(&box_).send(Progress::Failed("gone".into())).unwrap();
    let mut reply = String::new();
    reader.read_to_string(&mut reply).unwrap();
    assert_eq!(status(&reply), 200);
    assert_eq!(header(&reply, "Content-Type"), Some("text/event-stream"));
    assert_eq!(header(&reply, "Cache-Control"), Some("no-store"));
    assert_eq!(header(&reply, "Connection"), Some("close"));
    assert!(header(&reply, "Content-Security-Policy").is_some());
    assert!(reply.contains("retry: ") && reply.contains("event: failed"));
}

#[test]
fn streams_are_bounded_and_a_reader_who_leaves_frees_one() {
    let options = Options { streams_max: 2, ..Options::default() };
    let box_ = Box_::start_with(options);
    box_.desk.put(Stage::Waiting { ahead: 0, wait_s: None });
    let first = open(&box_, "/a/K7M4RTW/stream");
    let first_sender = follower(&box_);
    let _second = open(&box_, "/a/K7M4RTW/stream");
    let _second_sender = follower(&box_);

    let refused = box_.get("/a/K7M4RTW/stream");
    assert_eq!(status(&refused), 503);
    assert!(header(&refused, "Retry-After").is_some());
    assert_eq!(status(&box_.get("/a/K7M4RTW")), 200, "pages still come");

    drop(first);
    wait_for(|| first_sender.send(Progress::Text("x".into())).is_err().then_some(()));
    let _third = open(&box_, "/a/K7M4RTW/stream");
    follower(&box_);
}

#[test]
fn a_silent_stream_is_kept_alive_and_ends_in_time() {
    let options = Options { stream_time_max: Duration::from_secs(7), ..Options::default() };
    let box_ = Box_::start_with(options);
    box_.desk.put(Stage::Waiting { ahead: 0, wait_s: None });
    let started = Instant::now();
    let mut reader = open(&box_, "/a/K7M4RTW/stream");
    let _sender = follower(&box_);
    let mut reply = String::new();
    reader.read_to_string(&mut reply).unwrap();
    assert!(reply.ends_with("\n:\n\n"), "{reply}");
    assert!((6..10).contains(&started.elapsed().as_secs()));
}

#[test]
fn a_stopping_box_ends_its_streams() {
    let mut box_ = Box_::start();
    box_.desk.put(Stage::Waiting { ahead: 0, wait_s: None });
    let mut reader = open(&box_, "/a/K7M4RTW/stream");
    let _sender = follower(&box_);
    let started = Instant::now();
    box_.stop();
    reader.read_to_string(&mut String::new()).unwrap();
    assert!(started.elapsed().as_secs() < 3);
}
