//! PostgreSQL's protocol (version 3.0), as far as a sink needs it: a session, statements without parameters, COPY into a table.
//!
//! The usual client library would bring some fifteen crates and a second set of digests for what is here.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufStream};

use super::scram::Scram;

/// A message of the server is not longer than this: it tells of errors and of the sink's own record.
const LONGEST_MESSAGE: usize = 64 << 20;
const PROTOCOL: u32 = 196_608;
const MECHANISM: &str = "SCRAM-SHA-256";

/// What TCP, a local socket and TLS have in common.
pub trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// What went wrong.
#[derive(Debug)]
pub enum Fault {
    /// The server refused; the SQLSTATE, and its message without details.
    Server { code: String, message: String },
    /// The connection, or what came over it.
    Line(String),
}

impl From<io::Error> for Fault {
    fn from(e: io::Error) -> Fault {
        Fault::Line(match e.kind() {
            io::ErrorKind::UnexpectedEof => "the database closed the connection".to_string(),
            _ => e.to_string(),
        })
    }
}

pub type Answer<T> = Result<T, Fault>;

/// A row as text; None is NULL.
pub type Row = Vec<Option<String>>;

/// An open session.
pub struct Client {
    line: BufStream<Box<dyn Io>>,
}

struct Message {
    kind: u8,
    body: Vec<u8>,
}

impl Client {
    /// Logs in.
    pub async fn start(line: Box<dyn Io>, user: &str, password: Option<&str>, database: &str) -> Answer<Client> {
        let mut client = Client { line: BufStream::new(line) };
        let mut body = PROTOCOL.to_be_bytes().to_vec();
        for text in ["user", user, "database", database, "application_name", "uramaki", "client_encoding", "UTF8"] {
            body.extend(text.as_bytes());
            body.push(0);
        }
        body.push(0);
        client.line.write_all(&length(body.len()).to_be_bytes()).await?;
        client.line.write_all(&body).await?;
        client.line.flush().await?;
        let mut scram: Option<Scram> = None;
        loop {
            let message = client.receive().await?;
            match message.kind {
                b'R' => {
                    let (kind, rest) = number(&message.body)?;
                    let missing = || Fault::Line("the database asks for a password, and the URL has none".to_string());
                    match kind {
                        0 => {}
                        3 => {
                            let mut answer = password.ok_or_else(missing)?.as_bytes().to_vec();
                            answer.push(0);
                            client.send(b'p', &answer).await?;
                        }
                        10 => {
                            if !rest.split(|b| *b == 0).any(|name| name == MECHANISM.as_bytes()) {
                                return Err(Fault::Line(format!("the database does not offer {MECHANISM}")));
                            }
                            let begun = Scram::begin(password.ok_or_else(missing)?).map_err(Fault::Line)?;
                            let first = begun.first();
                            let mut answer = format!("{MECHANISM}\0").into_bytes();
                            answer.extend(length_of(first.len()).to_be_bytes());
                            answer.extend(first.as_bytes());
                            client.send(b'p', &answer).await?;
                            scram = Some(begun);
                        }
                        11 | 12 => {
                            let said = String::from_utf8_lossy(rest).into_owned();
                            let scram = scram.as_mut().ok_or_else(|| Fault::Line("an answer to nothing".into()))?;
                            if kind == 11 {
                                let answer = scram.answer(&said).map_err(Fault::Line)?;
                                client.send(b'p', answer.as_bytes()).await?;
                            } else {
                                scram.verify(&said).map_err(Fault::Line)?;
                            }
                        }
                        5 => {
                            let said = "the database keeps an MD5 digest of the password, which is no longer safe: set the password again there, with password_encryption = 'scram-sha-256'";
                            return Err(Fault::Line(said.to_string()));
                        }
                        other => {
                            return Err(Fault::Line(format!(
                                "the database asks for a proof that is not known here ({other})"
                            )));
                        }
                    }
                }
                b'E' => return Err(fault(&message.body)),
                // A server that did not prove itself could be anybody.
                b'Z' if scram.as_ref().is_some_and(|s| !s.is_proven()) => {
                    return Err(Fault::Line("the database did not prove that it knows the password".to_string()));
                }
                b'Z' => return Ok(client),
                _ => {}
            }
        }
    }

    /// Runs statements, parted by semicolons.
    pub async fn run(&mut self, sql: &str) -> Answer<()> {
        self.rows(sql).await.map(|_| ())
    }

    /// The rows of a statement.
    pub async fn rows(&mut self, sql: &str) -> Answer<Vec<Row>> {
        self.query(sql).await?;
        let (mut rows, mut error) = (Vec::new(), None);
        loop {
            let message = self.receive().await?;
            match message.kind {
                b'D' => rows.push(row(&message.body)?),
                b'E' => error = Some(fault(&message.body)),
                b'Z' => return error.map_or(Ok(rows), Err),
                _ => {}
            }
        }
    }

    /// Begins `copy … from stdin`. Then `copy_data`, and `copy_end`.
    pub async fn copy_begin(&mut self, sql: &str) -> Answer<()> {
        self.query(sql).await?;
        let mut error = None;
        loop {
            let message = self.receive().await?;
            match message.kind {
                b'G' => return Ok(()),
                b'E' => error = Some(fault(&message.body)),
                b'Z' => return Err(error.unwrap_or_else(|| Fault::Line("the database takes no rows".into()))),
                _ => {}
            }
        }
    }

    /// Where the server has already refused, it says so at the end.
    pub async fn copy_data(&mut self, bytes: &[u8]) -> Answer<()> {
        self.put(b'd', bytes).await
    }

    /// The rows that the server took.
    pub async fn copy_end(&mut self) -> Answer<u64> {
        self.send(b'c', &[]).await?;
        let (mut count, mut error) = (0, None);
        loop {
            let message = self.receive().await?;
            match message.kind {
                b'C' => {
                    let tag = String::from_utf8_lossy(&message.body).into_owned();
                    count = tag.trim_end_matches('\0').rsplit(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0);
                }
                b'E' => error = Some(fault(&message.body)),
                b'Z' => return error.map_or(Ok(count), Err),
                _ => {}
            }
        }
    }

    async fn query(&mut self, sql: &str) -> Answer<()> {
        let mut body = sql.as_bytes().to_vec();
        body.push(0);
        self.send(b'Q', &body).await
    }

    async fn put(&mut self, kind: u8, body: &[u8]) -> Answer<()> {
        self.line.write_all(&[kind]).await?;
        self.line.write_all(&length(body.len()).to_be_bytes()).await?;
        self.line.write_all(body).await?;
        Ok(())
    }

    async fn send(&mut self, kind: u8, body: &[u8]) -> Answer<()> {
        self.put(kind, body).await?;
        self.line.flush().await?;
        Ok(())
    }

    async fn receive(&mut self) -> Answer<Message> {
        let kind = self.line.read_u8().await?;
        let length = self.line.read_u32().await? as usize;
        if !(4..=LONGEST_MESSAGE).contains(&length) {
            return Err(Fault::Line("what answers is no PostgreSQL server".to_string()));
        }
        let mut body = vec![0; length - 4];
        self.line.read_exact(&mut body).await?;
        Ok(Message { kind, body })
    }
}

/// A message's length counts itself.
fn length(body: usize) -> u32 {
    length_of(body + 4)
}

/// Messages are cut long before they get near this.
fn length_of(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

fn cut() -> Fault {
    Fault::Line("a message of the database is cut off".to_string())
}

fn number(body: &[u8]) -> Answer<(u32, &[u8])> {
    let (number, rest) = body.split_first_chunk::<4>().ok_or_else(cut)?;
    Ok((u32::from_be_bytes(*number), rest))
}

fn row(body: &[u8]) -> Answer<Row> {
    let (count, mut rest) = body.split_first_chunk::<2>().ok_or_else(cut)?;
    let mut row = Vec::new();
    for _ in 0..u16::from_be_bytes(*count) {
        let (length, after) = number(rest)?;
        if length == u32::MAX {
            row.push(None);
            rest = after;
            continue;
        }
        let (value, after) = after.split_at_checked(length as usize).ok_or_else(cut)?;
        row.push(Some(String::from_utf8_lossy(value).into_owned()));
        rest = after;
    }
    Ok(row)
}

/// SQLSTATE and message of an error; its details may hold values of rows.
fn fault(body: &[u8]) -> Fault {
    let (mut code, mut message) = (String::new(), String::new());
    for field in body.split(|b| *b == 0) {
        let Some((kind, text)) = field.split_first() else { continue };
        let text = String::from_utf8_lossy(text).into_owned();
        match kind {
            b'C' => code = text,
            b'M' => message = text,
            _ => {}
        }
    }
    Fault::Server { code, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_errors_are_read() {
        let body = [&[0, 2][..], &[255, 255, 255, 255], &[0, 0, 0, 2], b"ab"].concat();
        assert_eq!(row(&body).unwrap(), [None, Some("ab".to_string())]);
        assert!(row(&body[..9]).is_err());
        let Fault::Server { code, message } = fault(b"SERROR\0C23505\0Mtwice\0Dkey (a)=(b)\0\0") else { panic!() };
        assert_eq!((code.as_str(), message.as_str()), ("23505", "twice"));
    }
}
