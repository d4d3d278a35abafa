//! The program; all of it stands in the library, below `program`.

use std::process::ExitCode;

fn main() -> ExitCode {
    httpd::run()
}
