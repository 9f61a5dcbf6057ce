//! The product, tested from outside: one binary, one module per topic.

mod support;
mod web;
