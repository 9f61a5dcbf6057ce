//! The product, tested from outside: one binary, one module per topic.

mod bad_input;
mod baraza;
mod cache;
mod kill;
mod support;
mod tidy;
mod web;
