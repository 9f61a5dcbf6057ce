//! What phones, programs and curious pupils send by mistake or on purpose: each gets a sentence, and
//! the box goes on.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::{Box_, body, half_close, header, status};
use crate::Options;
use crate::limits::{BODY_BYTES_MAX, HEAD_BYTES_MAX};

fn impatient() -> Options {
    Options { request_time_max: Duration::from_millis(300), ..Options::default() }
}

#[test]
fn a_question_of_a_megabyte_is_refused_and_the_sentence_arrives() {
    let box_ = Box_::start();
    for bytes in [BODY_BYTES_MAX + 1, 1 << 20, 3 << 20] {
        let reply = box_.post("/ask", &vec![b'a'; bytes]);
        assert_eq!(status(&reply), 413, "{bytes}");
        assert!(body(&reply).contains("far too long for one question"), "{bytes}");
        assert!(body(&reply).ends_with("</html>"), "{bytes}");
    }
    assert!(box_.desk.asked.lock().unwrap().is_empty());
    let mut most = b"question=".to_vec();
    most.resize(BODY_BYTES_MAX, b'a');
    assert_eq!(status(&box_.post("/ask", &most)), 303);
}

#[test]
fn a_length_beyond_all_memory_allocates_nothing() {
    let box_ = Box_::start();
    for length in ["35184372088832", "18446744073709551615", "99999999999999999999999"] {
        let request = format!("POST /ask HTTP/1.1\r\nContent-Length: {length}\r\n\r\nquestion=x");
        let mut socket = box_.connect();
        socket.write_all(request.as_bytes()).unwrap();
        half_close(&socket);
        let mut reply = String::new();
        socket.read_to_string(&mut reply).unwrap();
        assert_eq!(status(&reply), 413, "{length}");
    }
    assert_eq!(status(&box_.get("/")), 200);
}

#[test]
fn damaged_forms_are_told_and_not_asked() {
    let box_ = Box_::start();
    for broken in [&b"question=%FF%FE"[..], b"question=\xff\xfe", b"question=100%", b"question=%zz"]
    {
        let reply = box_.post("/ask", broken);
        assert_eq!(status(&reply), 400);
        assert!(reply.contains("arrived damaged"));
    }
    let many = box_.post("/ask", "a=b&".repeat(100).as_bytes());
    assert_eq!(status(&many), 415);
    for other in ["multipart/form-data; boundary=x", "application/json", "text/plain"] {
        let reply = box_.raw(
            format!("POST /ask HTTP/1.1\r\nContent-Type: {other}\r\nContent-Length: 2\r\n\r\n{{}}")
                .as_bytes(),
        );
        assert_eq!(status(&reply), 415, "{other}");
    }
    assert!(box_.desk.asked.lock().unwrap().is_empty());
}

#[test]
fn a_panic_costs_one_page() {
    let box_ = Box_::start();
    for _ in 0..2 * crate::limits::WORKERS {
        let reply = box_.post("/ask", b"question=panic");
        assert_eq!(status(&reply), 500);
        assert!(reply.contains("Something in the box went wrong"));
    }
    assert_eq!(status(&box_.post("/ask", b"question=x")), 303);
}

#[test]
fn what_is_no_request_gets_a_word() {
    let box_ = Box_::start();
    let long_line = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(HEAD_BYTES_MAX));
    let endless = vec![b'a'; 2 * HEAD_BYTES_MAX];
    let headers = format!("GET / HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(2000));
    for (bytes, code) in [
        (&b"hello\r\n\r\n"[..], 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        ("GET /é HTTP/1.1\r\n\r\n".as_bytes(), 400),
        (b"GET / HTTP/1.1\r\nbroken\r\n\r\n", 400),
        (b"GET / HTTP/3.0\r\n\r\n", 505),
        (b"POST /ask HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"POST /ask HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
        (long_line.as_bytes(), 431),
        (&endless, 431),
        (headers.as_bytes(), 431),
    ] {
        let reply = box_.raw(bytes);
        assert_eq!(
            status(&reply),
            code,
            "{}",
            String::from_utf8_lossy(&bytes[..bytes.len().min(40)])
        );
        assert!(reply.ends_with("</html>"));
    }
}

#[test]
fn odd_but_honest_clients_are_served() {
    let box_ = Box_::start();
    let old = box_.raw(b"GET / HTTP/1.0\r\n\r\n");
    assert_eq!((status(&old), header(&old, "Connection")), (200, Some("close")));
    assert_eq!(status(&box_.raw(b"GET / HTTP/1.1\nHost: box\n\n")), 200);
    assert_eq!(status(&box_.raw(b"GET / HTTP/1.1\r\nUser-Agent: t\xe9l\xe9phone\r\n\r\n")), 200);
    assert_eq!(status(&box_.raw(b"GET http://10.0.0.1/ HTTP/1.1\r\n\r\n")), 200);
    let upgrade = b"GET / HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n";
    assert_eq!(status(&box_.raw(upgrade)), 200);
    let expecting = box_
        .raw(b"POST /ask HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\nquestion=x");
    assert!(status(&expecting) == 303 || expecting.starts_with("HTTP/1.1 100 Continue"));
    let pipelined = box_.raw(b"GET /healthz HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n");
    assert_eq!(pipelined.matches("HTTP/1.1 200").count(), 1, "one request for each connection");
}

#[test]
fn a_client_that_waits_for_our_word_gets_it() {
    let box_ = Box_::start();
    let mut socket = box_.connect();
    socket
        .write_all(b"POST /ask HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n")
        .unwrap();
    let mut word = [0; 25];
    socket.read_exact(&mut word).unwrap();
    assert_eq!(&word, b"HTTP/1.1 100 Continue\r\n\r\n");
    socket.write_all(b"question=x").unwrap();
    let mut reply = String::new();
    socket.read_to_string(&mut reply).unwrap();
    assert_eq!(status(&reply), 303);
}

#[test]
fn those_who_are_slow_lose_their_seat() {
    let box_ = Box_::start_with(impatient());
    let started = Instant::now();
    let slow = box_.raw(b"POST /ask HTTP/1.1\r\nContent-Length: 100\r\n\r\nquestion=x");
    assert_eq!(status(&slow), 408);
    assert_eq!(status(&box_.raw(b"GET / HT")), 408);
    assert_eq!(box_.raw(b""), "", "a connection opened in advance is closed without a word");
    assert!(started.elapsed() < Duration::from_secs(12));

    // One byte at a time does not start the clock anew.
    let mut trickle = box_.connect();
    let started = Instant::now();
    while trickle.write_all(b"a").is_ok() && started.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(started.elapsed() < Duration::from_secs(8));
}

#[test]
fn one_address_cannot_take_every_seat() {
    let options = Options { connections_per_address_max: 3, ..Options::default() };
    let box_ = Box_::start_with(options);
    let held: Vec<_> = (0..3).map(|_| box_.connect()).collect();
    let mut refused = None;
    for _ in 0..100 {
        let reply = box_.get("/");
        if status(&reply) == 503 {
            refused = Some(reply);
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let refused = refused.expect("the fourth connection is refused");
    assert!(refused.contains("Too many phones") && header(&refused, "Retry-After").is_some());
    drop(held);
    let deadline = Instant::now() + Duration::from_secs(5);
    while status(&box_.get("/")) != 200 {
        assert!(Instant::now() < deadline, "seats are given back");
    }
}

#[test]
fn many_at_once_are_all_served() {
    let box_ = Box_::start();
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                for _ in 0..25 {
                    assert_eq!(status(&box_.get("/healthz")), 200);
                    assert_eq!(status(&box_.post("/ask", b"question=x")), 303);
                }
            });
        }
    });
    assert_eq!(box_.desk.asked.lock().unwrap().len(), 400);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_leave_the_server_standing(
        start in prop::sample::select(vec!["", "GET /", "GET / HTTP/1.1\r\n", "POST /ask HTTP/1.1\r\n"]),
        bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let box_ = Box_::start_with(impatient());
        let mut sent = start.as_bytes().to_vec();
        sent.extend(bytes);
        sent.extend(b"\r\n\r\n");
        let mut socket = box_.connect();
        let _ = socket.write_all(&sent);
        half_close(&socket);
        let _ = socket.read_to_end(&mut Vec::new());
        prop_assert_eq!(status(&box_.get("/")), 200);
    }
}
