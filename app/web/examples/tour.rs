//! All pages with made-up content, to look at in a browser: `cargo run -p web --example tour`.
//!
//! It prints the address of each page. The review desk's PIN is 482913. The second port has the
//! same pages on a box without a model. Nothing is kept.

#![forbid(unsafe_code)]

#[path = "tour/asking.rs"]
mod asking;
#[path = "tour/reviewing.rs"]
mod reviewing;

use std::sync::Arc;

use asking::TourDesk;
use reviewing::TourReview;

/// Where the tour begins; the box without a model is at the next port.
const PORT: u16 = 8765;

fn main() -> Result<(), web::BindError> {
    let review = Arc::new(TourReview::default());
    let options = web::Options::default();
    let mut servers = Vec::new();
    for (port, with_model) in [(PORT, true), (PORT + 1, false)] {
        let desk = Arc::new(TourDesk { with_model });
        let address = ([127, 0, 0, 1], port).into();
        servers.push(web::Server::bind(address, desk, Some(review.clone()), options.clone())?);
    }
    for (scene, letter) in asking::SCENES {
        for (language, sign) in asking::LANGUAGES {
            println!(
                "{scene} {language} http://127.0.0.1:{PORT}/a/{}{sign}?lang={language}",
                letter.to_string().repeat(6)
            );
        }
    }
    for path in ["", "s/2", "status", "review"] {
        println!("{path} http://127.0.0.1:{PORT}/{path}");
    }
    std::thread::scope(|scope| {
        for server in servers {
            scope.spawn(|| server.run());
        }
    });
    Ok(())
}
