//! `netsec healthcheck`: asks the scoring service on this machine whether it is well.

use super::serve::config_of;
use super::{Globals, output};
use crate::error::CommandError;
use crate::serving::{Probe, address, probe};

/// Arguments of `netsec healthcheck`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Address and port; left out: [serve] listen.
    #[arg(value_name = "ADDR")]
    pub address: Option<String>,
    /// Ask only whether the process answers, not whether a model is loaded.
    #[arg(long)]
    pub live: bool,
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    let config = config_of(globals)?.serve;
    let text = args.address.as_ref().unwrap_or(&config.listen);
    let address = address(text).ok_or_else(|| {
        CommandError::usage(format!("`{text}` is no address"))
            .hint("An address is 127.0.0.1:8080 or [::1]:8080.")
    })?;
    let said = probe(&Probe {
        address,
        certificate: config
            .tls_cert
            .map(|path| globals.workspace().resolve(path)),
        path: if args.live { "/live" } else { "/ready" },
    })?;
    output::say!("{said}")
}
