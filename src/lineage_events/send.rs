//! The way to the receiver: a file's end, or POST requests. Short of patience: a run does not wait for who listens.

use std::fs::{self, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use serde_json::Value;
use url::Url;

use crate::config::project::{Receiver, Secret};
use crate::error::{Error, Result};

/// For one request; all together get no more.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// Chains of events that are on their way together.
const AT_ONCE: usize = 8;

/// Events that must arrive in their order.
pub type Chain = Vec<Value>;

/// Hands events over. Chains may overtake one another, and end at the first failure.
pub async fn send(root: &Path, receiver: &Receiver, chains: Vec<Chain>) -> Result<()> {
    match receiver {
        Receiver::File(path) => append(root, path, &chains.concat()),
        Receiver::Server { url, token } => {
            let client = reqwest::Client::builder()
                .timeout(PATIENCE)
                // Somewhere else the token has no business.
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .map_err(|_| Error::failed("the HTTP client cannot be set up"))?;
            let token = token.as_ref().map(bearer).transpose()?;
            let sent = stream::iter(chains).map(|chain| post(&client, url, token.as_ref(), chain));
            sent.buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await.map(|_| ())
        }
    }
}

/// The token is read here and goes nowhere else.
fn bearer(token: &Secret) -> Result<HeaderValue> {
    let (text, place) = match token {
        Secret::Env(name) => {
            let unset = || Error::config(format!("the environment variable {name} is not set"));
            (std::env::var(name).map_err(|_| unset())?, name.clone())
        }
        Secret::File(path) => {
            let place = path.display().to_string();
            let unread = |e: std::io::Error| Error::config(format!("{place} cannot be read: {e}"));
            (fs::read_to_string(path).map_err(unread)?, place)
        }
    };
    let mut value = HeaderValue::from_str(&format!("Bearer {}", text.trim()))
        .map_err(|_| Error::config(format!("{place} holds no token that a header can carry")))?;
    value.set_sensitive(true);
    Ok(value)
}

async fn post(client: &reqwest::Client, url: &Url, token: Option<&HeaderValue>, chain: Chain) -> Result<()> {
    let place = || format!("{}://{}", url.scheme(), url.authority());
    for event in chain {
        let mut request = client.post(url.clone()).header(CONTENT_TYPE, "application/json").body(event.to_string());
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, token.clone());
        }
        let answer = request.send().await.map_err(|e| {
            let what = match (e.is_timeout(), e.is_connect()) {
                (true, _) => "does not answer in time",
                (_, true) => "cannot be reached",
                _ => "breaks the connection off",
            };
            Error::failed(format!("{} {what}", place()))
        })?;
        if !answer.status().is_success() {
            return Err(Error::failed(format!("{} answers {}", place(), answer.status())));
        }
    }
    Ok(())
}

fn append(root: &Path, path: &Path, events: &[Value]) -> Result<()> {
    let shown = path.display();
    let failed = |e: std::io::Error| Error::failed(format!("cannot write `{shown}`: {e}"));
    let target = root.join(path);
    // A link in the path may lead elsewhere: what of it is there already tells.
    let real = target.ancestors().find_map(|there| there.canonicalize().ok());
    if real.is_none_or(|real| !real.starts_with(root)) {
        return Err(Error::config(format!("`{shown}` is a link that leads outside the project")));
    }
    fs::create_dir_all(target.parent().unwrap_or(root)).map_err(failed)?;
    let mut file = OpenOptions::new().create(true).append(true).read(true).open(&target).map_err(failed)?;
    let mut text = String::new();
    if is_cut(&mut file).map_err(failed)? {
        text.push('\n');
    }
    for event in events {
        text.push_str(&event.to_string());
        text.push('\n');
    }
    file.write_all(text.as_bytes()).map_err(failed)
}

/// Whether the last line has no end: somebody was stopped while writing it.
fn is_cut(file: &mut fs::File) -> std::io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != [b'\n'])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn events_are_added_in_whole_lines() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let path = Path::new("a/b.jsonl");
        append(&root, path, &[json!({"n": 1}), json!({"n": 2})]).unwrap();
        fs::write(root.join(path), "{\"n\":1}\n{\"cut").unwrap();
        append(&root, path, &[json!({"n": 3})]).unwrap();
        assert_eq!(fs::read_to_string(root.join(path)).unwrap(), "{\"n\":1}\n{\"cut\n{\"n\":3}\n");
        // Out of the project by a link: not followed.
        let outside = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(outside.path(), root.join("away")).unwrap();
        let said = append(&root, Path::new("away/b.jsonl"), &[json!({})]).unwrap_err().to_string();
        assert!(said.contains("leads outside"), "{said}");
        assert!(!outside.path().join("b.jsonl").exists());
    }
}
