//! Reads files and prints what is in them: `read [--quiet] PATH...`. With `--quiet` only the sums, the
//! time and, on Linux, the largest memory.

use std::path::Path;
use std::time::Instant;

use documents::{Item, Options, cut, open};

fn main() {
    let mut quiet = false;
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--quiet" => quiet = true,
            path => read(Path::new(path), quiet),
        }
    }
}

fn read(path: &Path, quiet: bool) {
    let begin = Instant::now();
    let mut reader = match open(path, &Options::default()) {
        Ok(reader) => reader,
        Err(error) => return eprintln!("{error}"),
    };
    let opened = begin.elapsed();
    println!("{:?} {:?} of {:?}", reader.kind(), reader.collection(), reader.total());
    reader.notices().iter().for_each(|notice| println!("note: {notice}"));
    let (mut items, mut pieces, mut letters, mut skipped) = (0, 0, 0, 0);
    while let Some(item) = reader.next() {
        match item {
            Ok(Item::Document(document)) => {
                items += 1;
                if !quiet {
                    println!("\n== {} [{}] {:?}", document.title, document.id, document.language);
                }
                for piece in cut(&document) {
                    pieces += 1;
                    letters += piece.text.len();
                    if !quiet {
                        let (anchor, page) = (&piece.anchor, piece.page);
                        println!("-- {} {:?} {anchor:?} {page:?}", piece.position, piece.heading);
                        println!("{}", piece.text);
                    }
                }
            }
            Ok(Item::Entry(entry)) => {
                items += 1;
                letters += entry.answer.len();
                if !quiet {
                    println!("{entry:#?}");
                }
            }
            Err(skip) => {
                skipped += 1;
                if !quiet {
                    println!("skipped {skip}");
                }
            }
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    println!(
        "{items} items, {pieces} passages, {letters} bytes, {skipped} skipped; opened in {:.3} s, \
         all in {seconds:.3} s, {:.0} items/s",
        opened.as_secs_f64(),
        items as f64 / seconds
    );
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().filter(|line| line.starts_with("VmHWM")).for_each(|line| println!("{line}"));
}
