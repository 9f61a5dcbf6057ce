//! Every limit of the web server, with its reason.
//!
//! The box is small, its Wi-Fi holds 8 to 32 phones, and a school is full of curious people. What
//! is not bounded here will be found.

use std::time::Duration;

/// Bytes of a request's first line and headers. Browsers send under 2 KiB; our cookies have 200.
pub const HEAD_BYTES_MAX: usize = 8 * 1024;

/// Bytes of a form. A question of 500 characters in a four-byte script, percent-encoded, takes 6
/// KB; the rest lets somebody who wrote too much get it back with a word about the limit.
pub const BODY_BYTES_MAX: usize = 16 * 1024;

/// Bytes of a form of the review desk: an answer of [`answer::limits::REVIEW_TEXT_CHARS_MAX`]
/// characters in a script of three bytes each takes 18 KB percent-encoded, its text for SMS 5 KB.
pub const REVIEW_BODY_BYTES_MAX: usize = 32 * 1024;

/// Fields of a form or a query. Ours have eight at most; more than this is no form of ours.
pub const FIELDS_MAX: usize = 32;

/// Ranges read from an `Accept-Language` header; people configure a handful.
pub const LANGUAGE_RANGES_MAX: usize = 16;

/// Cookies looked at in one request. We set three; other programs on the same host name may set
/// some.
pub const COOKIES_MAX: usize = 32;

/// Connections at once. Each holds a thread, a few sockets and about 100 KB; the Wi-Fi of a box
/// carries fewer phones than this has seats.
pub const CONNECTIONS_MAX: usize = 96;

/// Connections at once from one address. A browser opens six; a class behind one kiosk or one
/// shared phone still fits, and no single device can take every seat.
pub const CONNECTIONS_PER_ADDRESS_MAX: usize = 24;

/// Answer streams at once. Fewer than [`CONNECTIONS_MAX`], so that pages still come when every
/// stream is taken; a page without a stream refreshes itself instead.
pub const STREAMS_MAX: usize = 32;

/// How long one stream may last. Longer than a long queue on a slow board; a browser that wants
/// more connects again by itself.
pub const STREAM_TIME_MAX: Duration = Duration::from_secs(600);

/// Silence on a stream after which a comment is sent, so that a phone that left is noticed.
pub const STREAM_SILENCE_MAX: Duration = Duration::from_secs(5);

/// How often a stream looks whether the box is stopping.
pub const STREAM_TICK: Duration = Duration::from_millis(250);

/// Wait that a browser is told to keep before it opens a broken stream again, in milliseconds.
pub const STREAM_RETRY_MS: u32 = 2000;

/// Time to send a whole request. A phone at the edge of the Wi-Fi needs seconds; a connection
/// opened on suspicion by a browser, or one that trickles bytes, loses its seat after this.
pub const REQUEST_TIME_MAX: Duration = Duration::from_secs(15);

/// Time for one write to a phone that takes no more data (it left, or it sleeps).
pub const WRITE_TIME_MAX: Duration = Duration::from_secs(20);

/// Time the inner server may stay silent; streams speak every [`STREAM_SILENCE_MAX`].
pub const INNER_SILENCE_MAX: Duration = Duration::from_secs(60);

/// Bytes and time spent on taking in the rest of a request that was refused. A browser reads our
/// page only if its own sending was not cut off; 4 MiB covers any question pasted by mistake.
pub const REFUSED_BYTES_MAX: usize = 4 * 1024 * 1024;
/// See [`REFUSED_BYTES_MAX`].
pub const REFUSED_TIME_MAX: Duration = Duration::from_secs(3);

/// Wait before a code that nobody was given is answered. With [`CONNECTIONS_PER_ADDRESS_MAX`] it
/// holds a phone to 48 guesses a second, which finds one of 1,000 kept answers in two hours; a
/// person who mistyped does not notice.
pub const WRONG_CODE_PAUSE: Duration = Duration::from_millis(500);

/// Time spent on a client that finds no seat. It is met on the one thread that takes connections.
pub const TURN_AWAY_TIME_MAX: Duration = Duration::from_millis(100);

/// Wait after the system could not hand over a connection, which happens when it is out of files.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Threads that make pages. Making one takes well under a millisecond and a journal write; more
/// threads would only take processor time from the model.
pub const WORKERS: usize = 4;

/// Stack of a connection's thread; making the largest page needs a tenth of it.
pub const CONNECTION_STACK_BYTES: usize = 256 * 1024;

/// Time that connections get to end when the box stops.
pub const STOP_TIME_MAX: Duration = Duration::from_secs(2);

/// Seconds after which a waiting page without JavaScript looks again. Short enough to feel alive,
/// long enough to read the code, and 32 phones then ask for 8 small pages a second.
pub const REFRESH_S: u32 = 4;

/// What a person is told to wait when the queue is full, as `Retry-After` in seconds.
pub const RETRY_AFTER_S: u32 = 60;

/// Reviewers logged in at once. A clinic or school has a handful, each with one or two telephones;
/// beyond that the one who was silent longest is logged out.
pub const SESSIONS_MAX: usize = 16;

/// Silence after which a reviewer is logged out: long enough to be called away to a patient, short
/// enough that a telephone left on a table is not an open door all day.
pub const SESSION_IDLE_MAX: Duration = Duration::from_secs(30 * 60);

/// Longest PIN that is tried, in bytes; the box makes shorter ones.
pub const PIN_BYTES_MAX: usize = 64;

/// Wrong PINs from one address before it must wait: people mistype.
pub const PIN_TRIES_FREE: u32 = 3;

/// Wait after the last of [`PIN_TRIES_FREE`] wrong PINs; each further one doubles it.
pub const PIN_WAIT_MIN: Duration = Duration::from_secs(5);

/// Longest wait of one address. Twelve tries an hour find nothing; a nurse who mistyped in the dark
/// is not sent home.
pub const PIN_WAIT_MAX: Duration = Duration::from_secs(300);

/// Quiet time after which an address's wrong PINs are forgotten.
pub const PIN_FORGET: Duration = Duration::from_secs(3600);

/// Addresses whose wrong PINs are remembered; the Wi-Fi has room for a tenth of them. Beyond, the
/// one that was quiet longest is forgotten, and [`PIN_TRIES_ALL`] still holds.
pub const PIN_ADDRESSES_MAX: usize = 512;

/// Wrong PINs of all addresses that guess, together: this many at once, then one each
/// [`PIN_TRY_EACH`]. With [`PIN_TRIES_FRESH`], somebody with many addresses gets some 300 tries an
/// hour: a PIN of six digits stands for two months on average, one of four digits for less
/// than a day.
pub const PIN_TRIES_ALL: u32 = 20;
/// See [`PIN_TRIES_ALL`].
pub const PIN_TRY_EACH: Duration = Duration::from_secs(20);

/// The same for addresses that made no mistake lately, apart from the others, so that somebody who
/// keeps guessing does not use up the tries of a nurse who comes for the first time.
pub const PIN_TRIES_FRESH: u32 = 20;
/// See [`PIN_TRIES_FRESH`].
pub const PIN_TRY_FRESH_EACH: Duration = Duration::from_secs(30);

/// Browsers remembered because somebody logged in there: they have a count of their own, whatever
/// strangers do. Forgotten when the box restarts.
pub const KNOWN_BROWSERS_MAX: usize = 64;

/// How long a browser keeps the cookie by which it is known, in seconds: half a year.
pub const KNOWN_BROWSER_S: u32 = 180 * 24 * 3600;

/// PINs looked at in one moment: each costs the processor a good part of a second on purpose.
pub const PIN_CHECKS_MAX: usize = 1;
