//! The product, tested from outside: one binary, one module per topic.

mod bad_input;
mod baraza;
mod cache;
mod encoder;
mod imports;
mod injections;
mod kill;
mod reviewer;
mod support;
mod tidy;
mod trouble;
mod web;
