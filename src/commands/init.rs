//! `uramaki init`: a new project that runs at once.

use std::path::Path;

use crate::cli::InitArgs;
use crate::error::{Error, Result};
use crate::generate::{self, Options};

include!(concat!(env!("OUT_DIR"), "/project_files.rs"));

/// Writes the project's files and a small drop folder of generated extracts.
pub fn init(args: &InitArgs) -> Result<()> {
    let root = &args.dir;
    std::fs::create_dir_all(root)
        .map_err(|e| Error::failed(format!("cannot create the folder `{}`: {e}", root.display())))?;
    for path in PROJECT_FILES.iter().map(|(path, _)| *path).chain(["testdata"]) {
        if root.join(path).exists() {
            return Err(Error::config(format!("`{}` is there already", root.join(path).display()))
                .hint("begin in an empty folder: uramaki init my-company"));
        }
    }
    for (path, text) in PROJECT_FILES {
        write(&root.join(path), text)?;
    }
    let ignored = root.join(".gitignore");
    if !ignored.exists() {
        write(&ignored, "/warehouse\n/catalogue\n")?;
    }
    let options = Options::new(root.join("testdata"), 200, 3, 7);
    generate::generate(&options)?;
    super::print(&format!(
        "{} files in {}; next: {}uramaki run",
        PROJECT_FILES.len(),
        root.display(),
        if root == Path::new(".") { String::new() } else { format!("cd '{}' && ", root.display()) }
    ))
}

fn write(path: &Path, text: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, text).map_err(|e| Error::failed(format!("cannot write `{}`: {e}", path.display())))
}
