//! `uramaki generate`: extracts of any size, with their truth.

use crate::cli::GenerateArgs;
use crate::error::Result;
use crate::generate::{self, Options};

pub fn generate(args: &GenerateArgs) -> Result<()> {
    let options = Options::new(args.output.clone(), args.customers, args.nights, args.seed);
    let summary = generate::generate(&options)?;
    super::print(&format!("{} files with {} rows in {}", summary.files, summary.rows, args.output.display()))
}
