//! The exit boundary: what was typed becomes a command, its error becomes text and an exit code.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::todo, clippy::dbg_macro))]

use std::process::ExitCode;

use clap::Parser;
use uramaki::cli::{Cli, Verb};
use uramaki::commands;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `mi_option_purge_delay` of mimalloc 2.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;
/// How long freed memory is kept for the next use before the system gets it back. Less than this costs a fifth of a run's time, more of it half of its memory.
const PURGE_DELAY_MILLIS: i64 = 50;

fn main() -> ExitCode {
    // SAFETY: sets one number of the allocator, before any other thread is there.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, PURGE_DELAY_MILLIS) };
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
