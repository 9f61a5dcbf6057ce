//! The pages that phones see, and the only HTTP of the box.
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use answer::{desk::Desk, review::ReviewDesk};
//! # fn serve(desk: Arc<dyn Desk>, review: Arc<dyn ReviewDesk>) -> Result<(), web::BindError> {
//! let any = ([0, 0, 0, 0], 8080).into();
//! let server = web::Server::bind(any, desk, Some(review), web::Options::default())?;
//! let stopper = server.stopper();
//! // On another thread, when the box goes down: `stopper.stop()`.
//! server.run();
//! # Ok(()) }
//! ```
//!
//! # The way of a request
//!
//! `server` takes a connection, `gate` reads one whole request from it within the limits of
//! [`limits`], `inner` (`tiny_http`) passes it to one of a few threads, `app` finds the page with
//! `route` and `form`, asks the desk, and `pages` writes it in one of the languages of `words`.
//! What is under `/review` goes through `review`, which knows who is logged in.
//! A finished page is a `reply`; an answer that is being written is a `stream`.
//!
//! # Why …?
//!
//! *Why does `POST /ask` answer 303 and not 200?* A person reloads, and a phone that comes back to
//! the Wi-Fi reloads by itself: reloading the answer to a POST asks again. So the answer's own
//! address, `/a/CODE`, is where every browser ends up; it is what one keeps and shows to others.
//! The body of the 303 is a page that carries the code as well, for programs that do not follow.
//!
//! *Why does nothing but the review desk need a cookie?* Captive mini browsers lose them, and the
//! code does their work. The one that askers get only keeps one telephone from filling the queue;
//! who comes without it is counted by address.
//!
//! *Why does the review desk send its referrer to itself?* With `no-referrer` browsers send
//! `Origin: null` with every form, and a form from elsewhere could not be told from ours.
//!
//! *Why one request per connection, and a gate before `tiny_http`?* See `gate`.
//!
//! *Why is the refresh inside `noscript`?* Where JavaScript runs, the answer streams into the page,
//! and a refresh would cut the stream off. Where it does not, the page looks again every few
//! seconds until it is finished, and then stays as it is.
//!
//! *What if the script is refused a stream?* It looks again by itself, as often as the refresh
//! would. And for a browser that has JavaScript but did not get ours, there is a link.
//!
//! # Languages
//!
//! The interface speaks the language of `?lang=`, else the best of `Accept-Language`, else English.
//! It is not the language of the question: that is the optional form field `language`, else the
//! box's own.

#![forbid(unsafe_code)]

mod app;
mod assets;
mod bind;
mod cookie;
mod form;
mod gate;
mod head;
mod inner;
pub mod limits;
mod options;
mod pages;
mod permits;
mod reply;
mod review;
mod route;
mod server;
mod stream;
mod time;
mod trouble;
mod words;

#[cfg(test)]
mod tests;

pub use bind::BindError;
pub use options::Options;
pub use server::{Server, Stopper};
