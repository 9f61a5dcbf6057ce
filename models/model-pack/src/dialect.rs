#![doc = include_str!("../DIALECT.md")]
