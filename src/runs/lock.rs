//! One run at a time.
//!
//! Locally the kernel holds the lock and lets go of it when the process dies. On an object store it is a lease that is renewed while the run
//! lives. Either keeps two runs from doing the work twice; what keeps them from publishing both is the manifest's put-if-absent.

use std::fs::File;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use object_store::{ObjectStoreExt, PutMode, PutOptions, PutPayload, UpdateVersion};
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

use crate::error::{Diagnostic, Error, Kind, Result};
use crate::store::Store;

const LOCK: &str = "_runs/lock";
const LEASE: &str = "_runs/lease.json";
const LEASE_SECS: i64 = 60;
const RENEW_SECS: u64 = 15;

/// Held as long as this lives.
pub struct Lock {
    _file: Option<File>,
    lease: Option<(Store, JoinHandle<()>)>,
}

#[derive(Serialize, Deserialize)]
struct Lease {
    owner: String,
    expires_at: DateTime<Utc>,
}

/// Takes the lock, or says who holds it.
pub async fn take(store: &Store) -> Result<Lock> {
    match store.local() {
        Some(root) => {
            let path = root.join(LOCK);
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            let file = File::create(&path)
                .map_err(|e| Error::failed(format!("cannot write in the warehouse `{}`: {e}", root.display())))?;
            match file.try_lock() {
                Ok(()) => Ok(Lock { _file: Some(file), lease: None }),
                Err(std::fs::TryLockError::WouldBlock) => Err(held(store, "another process on this machine")),
                Err(std::fs::TryLockError::Error(e)) => {
                    Err(Error::failed(format!("cannot lock the warehouse `{}`: {e}", root.display()))
                        .hint("the folder's file system must support locks"))
                }
            }
        }
        None => take_lease(store).await,
    }
}

fn held(store: &Store, by: &str) -> Error {
    Error::new(
        Kind::Locked,
        Diagnostic::new(format!("another run holds the warehouse `{}` ({by})", store.label()))
            .hint("wait until it is through; nothing was done here"),
    )
}

async fn take_lease(store: &Store) -> Result<Lock> {
    let owner = format!("process {} of {}", std::process::id(), hostname());
    let path = store.path(LEASE)?;
    let failed = |e: object_store::Error| Error::failed(format!("cannot take the lease in `{}`: {e}", store.label()));
    let created = store.put_if_absent(LEASE, lease_bytes(&owner)?).await?;
    let mut version = None;
    if !created {
        let found = store.inner().get(&path).await.map_err(failed)?;
        let there = UpdateVersion { e_tag: found.meta.e_tag.clone(), version: found.meta.version.clone() };
        let lease: Lease = serde_json::from_slice(&found.bytes().await.map_err(failed)?)
            .map_err(|e| Error::failed(format!("the lease cannot be read: {e}")).at(LEASE, None))?;
        if lease.expires_at > Utc::now() {
            return Err(held(store, &lease.owner));
        }
        // The holder died. Of several that see this, the store lets one through.
        let options = PutOptions { mode: PutMode::Update(there), ..PutOptions::default() };
        match store.inner().put_opts(&path, PutPayload::from_bytes(lease_bytes(&owner)?), options).await {
            Ok(put) => version = Some(UpdateVersion { e_tag: put.e_tag, version: put.version }),
            Err(object_store::Error::Precondition { .. }) => return Err(held(store, "it took over an expired lease")),
            Err(e) => return Err(failed(e)),
        }
    }
    if version.is_none() {
        let meta = store.inner().head(&path).await.map_err(failed)?;
        version = Some(UpdateVersion { e_tag: meta.e_tag, version: meta.version });
    }
    let renewing = store.clone();
    let handle = tokio::spawn(async move { renew(&renewing, owner, version).await });
    Ok(Lock { _file: None, lease: Some((store.clone(), handle)) })
}

async fn renew(store: &Store, owner: String, mut version: Option<UpdateVersion>) {
    let Ok(path) = store.path(LEASE) else { return };
    loop {
        tokio::time::sleep(Duration::from_secs(RENEW_SECS)).await;
        let (Ok(bytes), Some(there)) = (lease_bytes(&owner), version.clone()) else { return };
        let options = PutOptions { mode: PutMode::Update(there), ..PutOptions::default() };
        match store.inner().put_opts(&path, PutPayload::from_bytes(bytes), options).await {
            Ok(put) => version = Some(UpdateVersion { e_tag: put.e_tag, version: put.version }),
            Err(object_store::Error::Precondition { .. }) => {
                tracing::error!("the lease was taken over; this run will not be able to commit");
                return;
            }
            Err(e) => tracing::warn!("the lease could not be renewed: {e}"),
        }
    }
}

fn lease_bytes(owner: &str) -> Result<Bytes> {
    let lease = Lease { owner: owner.to_string(), expires_at: Utc::now() + chrono::TimeDelta::seconds(LEASE_SECS) };
    serde_json::to_vec(&lease).map(Bytes::from).map_err(|e| Error::failed(format!("writing the lease: {e}")))
}

fn hostname() -> String {
    std::fs::read_to_string("/etc/hostname").map_or_else(|_| "another machine".into(), |s| s.trim().to_string())
}

/// Now, for manifests and logs; never for tables.
pub fn now() -> String {
    Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true)
}

impl Lock {
    /// Gives the lock back. Locally the kernel does that when the file is closed.
    pub async fn release(mut self) -> Result<()> {
        if let Some((store, handle)) = self.lease.take() {
            handle.abort();
            store.delete(LEASE).await?;
        }
        Ok(())
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Some((_, handle)) = &self.lease {
            handle.abort();
        }
    }
}
