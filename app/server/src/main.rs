//! The `baraza` command.
fn main() {}
