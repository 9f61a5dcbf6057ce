//! The product, tested from outside; everything is in `tests/`.

#![forbid(unsafe_code)]
