//! A session with the database: statements without parameters, COPY into a table, and errors without what nobody should read.

use std::error::Error as _;
use std::io;
use std::pin::Pin;

use bytes::Bytes;
use futures::SinkExt;
use tokio::task::JoinHandle;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Config, CopyInSink, SimpleQueryMessage, Socket};

/// What went wrong.
#[derive(Debug)]
pub enum Fault {
    /// The server refused; the SQLSTATE, and its message without details: those may hold values of rows.
    Server { code: String, message: String },
    /// The connection, or what came over it.
    Line(String),
}

impl From<tokio_postgres::Error> for Fault {
    fn from(e: tokio_postgres::Error) -> Fault {
        if let Some(said) = e.as_db_error() {
            return Fault::Server { code: said.code().code().to_string(), message: said.message().to_string() };
        }
        let cause = e.source();
        let is_cut =
            cause.and_then(|c| c.downcast_ref::<io::Error>()).is_some_and(|c| c.kind() == io::ErrorKind::UnexpectedEof);
        if e.is_closed() || is_cut {
            return Fault::Line("the database closed the connection".to_string());
        }
        let said = cause.map_or_else(|| e.to_string(), ToString::to_string);
        Fault::Line(match said.as_str() {
            "password missing" => "the database asks for a password, and the URL has none".to_string(),
            "server does not support TLS" => {
                "the database offers no TLS (sslmode=disable in the URL does without)".to_string()
            }
            _ => said,
        })
    }
}

pub type Answer<T> = Result<T, Fault>;

/// A row as text; None is NULL.
pub type Row = Vec<Option<String>>;

/// An open session. It ends when this is dropped, also in the middle of a statement.
pub struct Client {
    session: tokio_postgres::Client,
    line: JoinHandle<()>,
}

impl Drop for Client {
    fn drop(&mut self) {
        self.line.abort();
    }
}

impl Client {
    /// Logs in.
    pub async fn connect<T>(config: &Config, tls: T) -> Answer<Client>
    where
        T: MakeTlsConnect<Socket>,
        T::Stream: Send + 'static,
    {
        let (session, line) = config.connect(tls).await?;
        // How the line ends is told to whoever waits for an answer.
        let line = tokio::spawn(async move {
            let _ = line.await;
        });
        Ok(Client { session, line })
    }

    /// Runs statements, parted by semicolons.
    pub async fn run(&mut self, sql: &str) -> Answer<()> {
        Ok(self.session.batch_execute(sql).await?)
    }

    /// The rows of a statement.
    pub async fn rows(&mut self, sql: &str) -> Answer<Vec<Row>> {
        let mut rows = Vec::new();
        for message in self.session.simple_query(sql).await? {
            let SimpleQueryMessage::Row(row) = message else { continue };
            let values = (0..row.len()).map(|i| Ok(row.try_get(i)?.map(str::to_string)));
            rows.push(values.collect::<Answer<Row>>()?);
        }
        Ok(rows)
    }

    /// Begins `copy … from stdin`. No other statement until its end.
    pub async fn copy(&mut self, sql: &str) -> Answer<Copy> {
        Ok(Copy { sink: Box::pin(self.session.copy_in(sql).await?) })
    }
}

/// Rows on their way into a table. Without an `end` the server takes none of them.
pub struct Copy {
    sink: Pin<Box<CopyInSink<Bytes>>>,
}

impl Copy {
    /// Waits while two pieces are on their way. Where the server has already refused, it says so at the end.
    pub async fn send(&mut self, piece: String) -> Answer<()> {
        Ok(self.sink.feed(Bytes::from(piece)).await?)
    }

    /// The rows that the server took.
    pub async fn end(mut self) -> Answer<u64> {
        Ok(self.sink.as_mut().finish().await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_line_that_is_cut_is_said_plainly() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut config = Config::new();
        config.host("127.0.0.1").port(listener.local_addr().unwrap().port()).user("me").password("hunter2");
        let closes = async { drop(listener.accept().await.unwrap()) };
        let (told, ()) = tokio::join!(Client::connect(&config, tokio_postgres::NoTls), closes);
        let Err(Fault::Line(said)) = told else { panic!() };
        assert!(said.contains("closed the connection") || said.contains("reset"), "{said}");
    }
}
