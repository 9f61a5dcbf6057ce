//! The domain core: questions, answers, passages, and the rules between them. Pure.

#![forbid(unsafe_code)]

pub mod desk;
