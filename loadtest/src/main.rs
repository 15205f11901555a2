//! Load scenarios for gerbang.

fn main() {}
