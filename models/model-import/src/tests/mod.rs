//! Whole imports of a small hand-made export, sound and spoiled.

mod refused;
mod sample;
mod sound;
