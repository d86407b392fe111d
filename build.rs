//! Puts the sample project's files (project file, pipelines, SQL) into the binary, for `uramaki init`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?);
    let mut files = vec![PathBuf::from("uramaki.yaml")];
    for folder in ["pipelines", "sql"] {
        println!("cargo::rerun-if-changed={folder}");
        collect(&root, Path::new(folder), &mut files)?;
    }
    println!("cargo::rerun-if-changed=uramaki.yaml");
    files.sort();
    let mut out = String::from("/// Path and text of each file.\npub const PROJECT_FILES: &[(&str, &str)] = &[\n");
    for file in files {
        let path = file.display().to_string();
        let _ = writeln!(out, "    ({path:?}, include_str!({:?})),", root.join(&file).display().to_string());
    }
    out.push_str("];\n");
    let target = PathBuf::from(env::var("OUT_DIR").map_err(io::Error::other)?).join("project_files.rs");
    fs::write(target, out)
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            collect(root, &path, files)?;
        } else if path.extension().is_some_and(|e| e == "sql" || e == "yml" || e == "yaml") {
            files.push(path);
        }
    }
    Ok(())
}
