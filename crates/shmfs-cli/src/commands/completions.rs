//! `shm completions`: what a shell needs to complete command lines.

use super::Cli;
use crate::failure::Failure;
use crate::output;
use clap::CommandFactory;
use clap_complete::Shell;

/// Print completions for a shell
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  shm completions bash > ~/.local/share/bash-completion/completions/shm
  shm completions fish > ~/.config/fish/completions/shm.fish")]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "shm", &mut text);
    output::data(&String::from_utf8_lossy(&text))
}
