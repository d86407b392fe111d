//! The way to the database: where its URL stands, TLS, and errors without what nobody should read.

use std::sync::Arc;
use std::time::Duration;

use rustls_platform_verifier::BuilderVerifierExt;
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;
use url::Url;

use super::session::{Answer, Client, Fault};
use crate::config::project::Secret;
use crate::error::{Error, Result};

const PATIENCE: Duration = Duration::from_secs(15);
const DEFAULT_PORT: u16 = 5432;
const NOT_PRIVILEGED: &str = "42501";

/// Where, who and how, of a URL.
#[derive(Debug, PartialEq, Eq)]
struct Way {
    host: String,
    port: u16,
    user: String,
    password: Option<String>,
    database: String,
    is_encrypted: bool,
}

/// Opens a session. The URL, which holds the password, is read here and goes nowhere else.
pub async fn connect(url: &Secret) -> Result<Client> {
    let (text, place) = read(url)?;
    let way = way(text.trim()).map_err(|said| {
        // What is wrong with it is not said in its words: they may be the password.
        Error::config(format!("{place} holds no URL of a PostgreSQL database: {said}")).hint(
            "postgres://user:password@host:5432/database, with other characters than letters and digits percent-encoded",
        )
    })?;
    let wrong = |e: Fault| {
        failed("cannot connect to the database", &e).hint(format!("is it up, and is the URL in {place} right?"))
    };
    let late = |_| Fault::Line(format!("no answer within {} seconds", PATIENCE.as_secs()));
    let mut client = timeout(PATIENCE, session(&way)).await.map_err(late).and_then(|r| r).map_err(wrong)?;
    let settings = "set client_min_messages = warning; set standard_conforming_strings = on; set datestyle = 'ISO'; \
                    set time zone 'UTC'; set search_path = pg_catalog; set statement_timeout = 0; \
                    set idle_in_transaction_session_timeout = 0";
    client.run(settings).await.map_err(|e| failed("setting up the session", &e))?;
    Ok(client)
}

/// The text, and the name of its place.
fn read(url: &Secret) -> Result<(String, String)> {
    const HINT: &str = "it holds the URL of the sink's database: postgres://user:password@host:5432/database";
    match url {
        Secret::Env(name) => {
            let text = std::env::var(name)
                .map_err(|_| Error::config(format!("the environment variable {name} is not set")).hint(HINT))?;
            Ok((text, name.clone()))
        }
        Secret::File(path) => {
            let place = path.display().to_string();
            let text = std::fs::read_to_string(path)
                .map_err(|e| Error::config(format!("{place} cannot be read: {e}")).hint(HINT))?;
            Ok((text, place))
        }
    }
}

fn way(text: &str) -> std::result::Result<Way, &'static str> {
    let url = Url::parse(text).map_err(|_| "it cannot be parsed")?;
    if !matches!(url.scheme(), "postgres" | "postgresql") {
        return Err("it does not begin with postgres://");
    }
    let decoded = |text: &str| decoded(text).ok_or("a percent sign in it begins no code");
    let mut way = Way {
        host: decoded(url.host_str().unwrap_or_default())?,
        port: url.port().unwrap_or(DEFAULT_PORT),
        user: decoded(url.username())?,
        password: url.password().map(decoded).transpose()?,
        database: decoded(url.path().trim_start_matches('/'))?,
        is_encrypted: true,
    };
    let mut mode = None;
    for (name, value) in url.query_pairs() {
        match (name.as_ref(), value.as_ref()) {
            ("sslmode", "disable") => mode = Some(false),
            ("sslmode", "require" | "verify-ca" | "verify-full") => mode = Some(true),
            ("sslmode", _) => return Err("sslmode is neither disable nor require"),
            ("host", host) => way.host = host.to_string(),
            _ => return Err("it has other settings than sslmode and host"),
        }
    }
    if way.host.is_empty() {
        return Err("it names no host");
    }
    if way.user.is_empty() {
        return Err("it names no user");
    }
    if way.database.is_empty() {
        way.database.clone_from(&way.user);
    }
    // Nothing that leaves the machine goes in the clear unless somebody says so.
    let is_near = way.host.starts_with('/') || matches!(way.host.as_str(), "localhost" | "127.0.0.1" | "[::1]" | "::1");
    way.is_encrypted = mode.unwrap_or(!is_near) && !way.host.starts_with('/');
    Ok(way)
}

fn decoded(text: &str) -> Option<String> {
    let (mut out, mut bytes) = (Vec::new(), text.bytes());
    while let Some(b) = bytes.next() {
        out.push(match b {
            b'%' => {
                let (high, low) = (char::from(bytes.next()?).to_digit(16)?, char::from(bytes.next()?).to_digit(16)?);
                u8::try_from(high * 16 + low).ok()?
            }
            b => b,
        });
    }
    String::from_utf8(out).ok()
}

async fn session(way: &Way) -> Answer<Client> {
    let mut config = Config::new();
    config.host(way.host.trim_start_matches('[').trim_end_matches(']')).port(way.port);
    config.user(&way.user).dbname(&way.database).application_name("uramaki");
    if let Some(password) = &way.password {
        config.password(password);
    }
    if way.is_encrypted {
        config.ssl_mode(SslMode::Require);
        return Client::connect(&config, tls()?).await;
    }
    config.ssl_mode(SslMode::Disable);
    Client::connect(&config, NoTls).await
}

/// TLS as the machine trusts it: its own store of certificates, or that of SSL_CERT_FILE.
fn tls() -> Answer<MakeRustlsConnect> {
    let wrong = |e: rustls::Error| Fault::Line(format!("setting up TLS: {e}"));
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(wrong)?
        .with_platform_verifier()
        .map_err(wrong)?
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

/// What the database said, without values of rows.
pub fn failed(doing: &str, fault: &Fault) -> Error {
    match fault {
        Fault::Line(said) => Error::failed(format!("{doing}: {said}")),
        Fault::Server { code, message } => {
            // Class 22: a value is wrong, and the message quotes it.
            let said = match code.starts_with("22") {
                true => message.split('"').next().unwrap_or_default().trim_end(),
                false => message.as_str(),
            };
            let error = Error::failed(format!("{doing}: {said} (SQLSTATE {code})"));
            match code == NOT_PRIVILEGED {
                true => error.hint("docs/sinks.md says what the user of the URL must be allowed to do"),
                false => error,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read() {
        let found = way("postgres://me:p%40ss@db.example.org/marts").unwrap();
        let expected = Way {
            host: "db.example.org".into(),
            port: 5432,
            user: "me".into(),
            password: Some("p@ss".into()),
            database: "marts".into(),
            is_encrypted: true,
        };
        assert_eq!(found, expected);
        assert!(!way("postgresql://me@localhost:5433").unwrap().is_encrypted);
        assert_eq!(way("postgres://me@localhost?host=/run/postgresql").unwrap().host, "/run/postgresql");
        assert!(!way("postgres://me@db/x?sslmode=disable").unwrap().is_encrypted);
        for wrong in
            ["", "mysql://a@b/c", "postgres://host/db", "postgres://a:b%4@h/d", "postgres://a@h/d?sslmode=prefer"]
        {
            assert!(way(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn values_are_not_repeated() {
        let fault = Fault::Server { code: "22P02".into(), message: "invalid input: \"ada@example.org\"".into() };
        assert!(!failed("loading", &fault).to_string().contains("ada"));
    }
}
