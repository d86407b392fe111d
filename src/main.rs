//! The exit boundary: what was typed becomes a command, its error becomes text and an exit code.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::todo, clippy::dbg_macro))]

use std::process::ExitCode;

use clap::Parser;
use uramaki::cli::{Cli, Verb};
use uramaki::commands;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    commands::narrate(&cli.global);
    let is_run = matches!(cli.verb, Verb::Run(_));
    match commands::run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            commands::report(&error, is_run);
            ExitCode::from(error.kind.exit_code())
        }
    }
}
