//! The program. All of it is in the library, below `program`.

use std::process::ExitCode;

fn main() -> ExitCode {
    httpd::run()
}
