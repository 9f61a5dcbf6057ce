//! The pages in real browsers: Chromium with and without JavaScript, and w3m.

mod review;
mod screens;
mod served;
mod staged;
