//! The binary: hands the command line to [`pointsman`].

fn main() {}
