//! The `gerbang` binary.

fn main() {}
