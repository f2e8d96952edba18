//! `shm man`: the manual pages, for packagers.

use super::Cli;
use crate::failure::Failure;
use crate::output;
use clap::CommandFactory;
use std::path::PathBuf;

/// Print the manual page, or write one per command into a folder
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  shm man | man -l -
  shm man --into /usr/local/share/man/man1")]
pub(crate) struct Args {
    /// Write shm.1, shm-run.1 and so on into this folder
    #[arg(long, value_name = "FOLDER")]
    into: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let failed = |error| Failure::new(format!("cannot write the manual pages: {error}"));
    if let Some(folder) = &args.into {
        return clap_mangen::generate_to(Cli::command(), folder).map_err(failed);
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut page).map_err(failed)?;
    output::data(&String::from_utf8_lossy(&page))
}
