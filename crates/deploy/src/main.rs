//! `tandem-deploy`: see `tandem-deploy --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    deploy::run()
}
