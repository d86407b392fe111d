//! The one door to files: any object store URL, local folders among them.
//!
//! Everything that Uramaki writes goes through here, so that a test can kill the process before and
//! after each write (`URAMAKI_FAULT=before:7`), and so that put-if-absent is said in one place.

use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path as FsPath, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    GetOptions, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload,
};
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use url::Url;

use crate::error::{Error, Result};

/// Parts of a multipart upload; S3 wants at least 5 MiB.
const PART_BYTES: usize = 8 << 20;

/// A folder on an object store.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<dyn ObjectStore>,
    /// The folder inside `inner`; empty for a local folder.
    prefix: Path,
    /// `scheme://authority`, under which the engine knows this store.
    base: Url,
    /// As a person wrote it.
    label: String,
    /// The folder itself, if it is local.
    local: Option<PathBuf>,
}

impl Store {
    /// Opens a folder by URL (`s3://bucket/path`, `gs://`, `az://`, `http(s)://`, `file://`) or local path.
    /// Credentials come from the environment, by the names that `object_store` documents.
    ///
    /// A local folder is made where there is none.
    pub fn open(location: &str, number: usize) -> Result<Store> {
        if let Some(folder) = local_folder(location)? {
            std::fs::create_dir_all(&folder)
                .map_err(|e| Error::failed(format!("cannot create the folder `{}`: {e}", folder.display())))?;
        }
        Store::open_existing(location, number)
    }

    /// For those that only read: None where a local folder is not there.
    pub fn open_if_there(location: &str, number: usize) -> Result<Option<Store>> {
        match local_folder(location)? {
            Some(folder) if !folder.is_dir() => Ok(None),
            _ => Store::open_existing(location, number).map(Some),
        }
    }

    /// A place of somebody else's: a local folder that is not there is an error.
    pub fn open_source(location: &str, number: usize) -> Result<Store> {
        Store::open_if_there(location, number)?.ok_or_else(|| {
            Error::failed(format!("there is no folder `{location}`"))
                .hint("is it mounted? `drop` in uramaki.yaml or --drop names it")
        })
    }

    fn open_existing(location: &str, number: usize) -> Result<Store> {
        let label = location.to_string();
        let base = Url::parse(&format!("uramaki{number}://store/")).map_err(|e| Error::failed(e.to_string()))?;
        let Some(folder) = local_folder(location)? else {
            let url = Url::parse(location).map_err(|e| Error::config(format!("`{location}` is no URL: {e}")))?;
            // Who writes http:// means it.
            let plain = (url.scheme() == "http").then(|| ("allow_http".to_string(), "true".to_string()));
            let env = std::env::vars_os()
                .filter_map(|(k, v)| Some((k.into_string().ok()?.to_ascii_lowercase(), v.into_string().ok()?)))
                .chain(plain);
            let (inner, prefix) = object_store::parse_url_opts(&url, env).map_err(|e| {
                Error::config(format!("cannot open `{location}`: {}", scrub(&e))).hint(
                    "use a folder, file://, s3://, gs://, az:// or http(s)://; credentials come from the environment",
                )
            })?;
            return Ok(Store { inner: inner.into(), prefix, base, label, local: None });
        };
        let folder = folder.canonicalize()?;
        let inner = object_store::local::LocalFileSystem::new_with_prefix(&folder)
            .map_err(|e| Error::failed(format!("cannot open the folder `{}`: {}", folder.display(), scrub(&e))))?;
        Ok(Store { inner: Arc::new(inner), prefix: Path::default(), base, label, local: Some(folder) })
    }

    pub fn label(&self) -> &str {
        &self.label
    }

    pub fn local(&self) -> Option<&FsPath> {
        self.local.as_deref()
    }

    pub fn inner(&self) -> Arc<dyn ObjectStore> {
        self.inner.clone()
    }

    /// The URL under which the engine finds this store.
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// The object's path inside `inner`.
    pub fn path(&self, relative: &str) -> Result<Path> {
        let tail = Path::parse(relative).map_err(|e| Error::failed(format!("`{relative}` is no path: {e}")))?;
        Ok(self.prefix.parts().chain(tail.parts()).collect())
    }

    /// The path relative to this folder.
    pub fn relative(&self, path: &Path) -> String {
        match path.prefix_match(&self.prefix) {
            Some(parts) => parts.map(|p| p.as_ref().to_string()).collect::<Vec<_>>().join("/"),
            None => path.to_string(),
        }
    }

    pub async fn get(&self, relative: &str) -> Result<Option<Bytes>> {
        match self.inner.get(&self.path(relative)?).await {
            Ok(found) => Ok(Some(found.bytes().await.map_err(|e| self.failed("read", relative, &e))?)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(e) => Err(self.failed("read", relative, &e)),
        }
    }

    /// An object's size and time; None where there is none of that name.
    pub async fn head(&self, relative: &str) -> Result<Option<ObjectMeta>> {
        match self.inner.head(&self.path(relative)?).await {
            Ok(meta) => Ok(Some(meta)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(e) => Err(self.failed("look at", relative, &e)),
        }
    }

    /// Every object under a folder, sorted by path.
    pub async fn list(&self, relative: &str) -> Result<Vec<ObjectMeta>> {
        let prefix = if relative.is_empty() { self.prefix.clone() } else { self.path(relative)? };
        let mut found: Vec<ObjectMeta> =
            self.inner.list(Some(&prefix)).try_collect().await.map_err(|e| self.failed("list", relative, &e))?;
        found.sort_by(|a, b| a.location.cmp(&b.location));
        Ok(found)
    }

    /// Writes an object, whether or not there is one. For content-addressed names only, or for names that one holder of the lock owns.
    pub async fn put(&self, relative: &str, bytes: Bytes) -> Result<()> {
        let _point = FaultPoint::enter(relative);
        self.inner
            .put(&self.path(relative)?, PutPayload::from_bytes(bytes))
            .await
            .map_err(|e| self.failed("write", relative, &e))?;
        Ok(())
    }

    /// Writes an object if there is none of that name: `false` where there is one. The commit rests on this.
    pub async fn put_if_absent(&self, relative: &str, bytes: Bytes) -> Result<bool> {
        let _point = FaultPoint::enter(relative);
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.inner.put_opts(&self.path(relative)?, PutPayload::from_bytes(bytes.clone()), options).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => Ok(false),
            Err(e) => {
                // The reply may have been lost although the object landed: look before saying that it failed.
                match self.get(relative).await {
                    Ok(Some(there)) if there == bytes => Ok(true),
                    Ok(Some(_)) => Ok(false),
                    _ => Err(self.failed("write", relative, &e)),
                }
            }
        }
    }

    /// Moves a finished local file to its content-addressed name. Nothing happens where that name exists: the same
    /// name means the same bytes.
    pub async fn import(&self, file: &FsPath, relative: &str) -> Result<()> {
        let _point = FaultPoint::enter(relative);
        if let Some(root) = &self.local {
            let target = root.join(relative);
            if target.exists() {
                std::fs::remove_file(file)?;
                return Ok(());
            }
            if let Some(folder) = target.parent() {
                std::fs::create_dir_all(folder)?;
            }
            match std::fs::rename(file, &target) {
                Ok(()) => return Ok(()),
                // Another file system: copy beside the target first, so that the name never shows a part.
                Err(e) if e.kind() == io::ErrorKind::CrossesDevices => {
                    let beside = target.with_extension("part");
                    std::fs::copy(file, &beside)?;
                    std::fs::rename(&beside, &target)?;
                    std::fs::remove_file(file)?;
                    return Ok(());
                }
                Err(e) => return Err(Error::failed(format!("cannot write `{}`: {e}", target.display()))),
            }
        }
        if self.head(relative).await?.is_some() {
            std::fs::remove_file(file)?;
            return Ok(());
        }
        self.upload(file, relative).await?;
        std::fs::remove_file(file)?;
        Ok(())
    }

    /// Lets a finished local file take the place of an object, or stand where there was none. Readers see the old bytes or the new ones.
    pub async fn replace(&self, file: &FsPath, relative: &str) -> Result<()> {
        let _point = FaultPoint::enter(relative);
        let Some(root) = &self.local else { return self.upload(file, relative).await };
        let target = root.join(relative);
        if let Some(folder) = target.parent() {
            std::fs::create_dir_all(folder)?;
        }
        // A name must not outlive a power cut that its bytes do not.
        std::fs::File::open(file)?.sync_all()?;
        std::fs::rename(file, &target).map_err(|e| Error::failed(format!("cannot write `{}`: {e}", target.display())))
    }

    async fn upload(&self, file: &FsPath, relative: &str) -> Result<()> {
        let path = self.path(relative)?;
        let mut source = std::fs::File::open(file)?;
        let size = source.metadata()?.len();
        if size <= PART_BYTES as u64 {
            let mut bytes = Vec::with_capacity(size as usize);
            source.read_to_end(&mut bytes)?;
            self.inner.put(&path, bytes.into()).await.map_err(|e| self.failed("write", relative, &e))?;
            return Ok(());
        }
        let mut upload: Box<dyn MultipartUpload> =
            self.inner.put_multipart(&path).await.map_err(|e| self.failed("write", relative, &e))?;
        loop {
            let mut part = Vec::with_capacity(PART_BYTES);
            (&mut source).take(PART_BYTES as u64).read_to_end(&mut part)?;
            if part.is_empty() {
                break;
            }
            if let Err(e) = upload.put_part(part.into()).await {
                // An upload that is not completed holds no name; a failing abort leaves only parts behind.
                let _ = upload.abort().await;
                return Err(self.failed("write", relative, &e));
            }
        }
        upload.complete().await.map_err(|e| self.failed("write", relative, &e))?;
        Ok(())
    }

    pub async fn delete(&self, relative: &str) -> Result<()> {
        let _point = FaultPoint::enter(relative);
        match self.inner.delete(&self.path(relative)?).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(e) => Err(self.failed("delete", relative, &e)),
        }
    }

    /// Reads an object as a stream of bytes, for a blocking thread.
    pub async fn reader(&self, relative: &str) -> Result<Box<dyn Read + Send>> {
        if let Some(root) = &self.local {
            let path = root.join(relative);
            let file = std::fs::File::open(&path)
                .map_err(|e| Error::failed(format!("cannot read `{}`: {e}", path.display())))?;
            return Ok(Box::new(file));
        }
        let found = self
            .inner
            .get_opts(&self.path(relative)?, GetOptions::default())
            .await
            .map_err(|e| self.failed("read", relative, &e))?;
        Ok(Box::new(BlockingStream {
            chunks: found.into_stream().map(|c| c.map_err(io::Error::other)).boxed(),
            current: Bytes::new(),
            runtime: tokio::runtime::Handle::current(),
        }))
    }

    fn failed(&self, verb: &str, relative: &str, e: &object_store::Error) -> Error {
        Error::failed(format!("cannot {verb} `{relative}` in `{}`: {}", self.label, scrub(e)))
    }
}

/// The folder that a location names, if it is none of another machine.
fn local_folder(location: &str) -> Result<Option<PathBuf>> {
    match Url::parse(location) {
        Ok(url) if url.scheme() == "file" => {
            url.to_file_path().map(Some).map_err(|()| Error::config(format!("`{location}` is no path of this machine")))
        }
        // One letter is a drive.
        Ok(url) if url.scheme().len() > 1 => Ok(None),
        _ => Ok(Some(PathBuf::from(location))),
    }
}

/// The store's own words, on one line and without the query part of signed URLs.
fn scrub(e: &object_store::Error) -> String {
    let text = e.to_string().replace('\n', " ");
    text.split(' ')
        .map(|word| match word.split_once('?') {
            Some((head, _)) if head.contains("://") => format!("{head}?…"),
            _ => word.to_string(),
        })
        .collect::<Vec<_>>()
        .join(" ")
}

/// A Parquet file on any store, read in parts.
pub struct ParquetObject {
    store: Arc<dyn ObjectStore>,
    path: Path,
    size: u64,
}

impl ParquetObject {
    pub fn new(store: &Store, relative: &str, size: u64) -> Result<ParquetObject> {
        Ok(ParquetObject { store: store.inner(), path: store.path(relative)?, size })
    }
}

impl AsyncFileReader for ParquetObject {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, parquet::errors::Result<Bytes>> {
        async move { Ok(self.store.get_range(&self.path, range).await?) }.boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, parquet::errors::Result<Arc<ParquetMetaData>>> {
        async move {
            let size = self.size;
            Ok(Arc::new(ParquetMetaDataReader::new().load_and_finish(self, size).await?))
        }
        .boxed()
    }
}

struct BlockingStream {
    chunks: futures::stream::BoxStream<'static, io::Result<Bytes>>,
    current: Bytes,
    runtime: tokio::runtime::Handle,
}

impl Read for BlockingStream {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.runtime.block_on(self.chunks.next()) {
                Some(chunk) => self.current = chunk?,
                None => return Ok(0),
            }
        }
        let n = out.len().min(self.current.len());
        out[..n].copy_from_slice(&self.current.split_to(n));
        Ok(n)
    }
}

/// Counts the writes of this process, and kills it before or after one of them where a test asks for that.
pub struct FaultPoint {
    kill_after: bool,
}

static WRITES: AtomicU64 = AtomicU64::new(0);

impl FaultPoint {
    /// Before a write; what comes back is dropped after it. For writes that do not go through a store.
    pub fn enter(relative: &str) -> FaultPoint {
        let number = WRITES.fetch_add(1, Ordering::SeqCst) + 1;
        tracing::trace!(number, relative, "store write");
        let Ok(fault) = std::env::var("URAMAKI_FAULT") else { return FaultPoint { kill_after: false } };
        let (side, wanted) = fault.split_once(':').unwrap_or((fault.as_str(), ""));
        let here = wanted.parse() == Ok(number);
        if here && side == "before" {
            die();
        }
        FaultPoint { kill_after: here && side == "after" }
    }
}

impl Drop for FaultPoint {
    fn drop(&mut self) {
        if self.kill_after {
            die();
        }
    }
}

/// As `kill -9` does: no destructor runs, nothing is flushed.
fn die() {
    // SAFETY: both calls take plain integers and touch no memory of ours.
    unsafe {
        libc::kill(libc::getpid(), libc::SIGKILL);
    }
}

/// Writes of this process so far.
pub fn writes_so_far() -> u64 {
    WRITES.load(Ordering::SeqCst)
}
