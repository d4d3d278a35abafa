//! The program: flags in, exit code out.
fn main() {}
