//! The `netsec` program: everything lives in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    netsec::cli::main()
}
