//! SNAP, the national standard of Indonesian banks, as bytes: nothing here does IO, reads a clock
//! or draws a random number.

pub mod sign;
