//! Whole imports of a small hand-made export and of the encoder fixture, sound and spoiled.

mod encoder;
mod refused;
mod sample;
mod sound;
