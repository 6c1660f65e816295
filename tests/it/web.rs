//! A small HTTP server for tests: it answers as it is set up, and keeps what it was asked.

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;

/// What was asked.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) verb: String,
    pub(crate) path: String,
    /// By their names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Value,
}

impl Asked {
    pub(crate) fn method(&self) -> &str {
        self.body["method"].as_str().unwrap_or("")
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// What is answered.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// A status with its name, headers, and a body of known length.
    Whole(&'static str, Vec<(&'static str, String)>, String),
    /// A stream of events that is left open, or ended.
    Events(Vec<(&'static str, String)>, String, Open),
    /// Nothing, as long as the client waits.
    Silence,
}

/// What becomes of a stream of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Open {
    Left,
    Ended,
}

impl Reply {
    pub(crate) fn json(value: &Value) -> Self {
        let kind = ("Content-Type", "application/json".to_owned());
        Self::Whole("200 OK", vec![kind], value.to_string())
    }

    pub(crate) fn status(status: &'static str, body: &str) -> Self {
        let kind = if body.starts_with('{') {
            "application/json"
        } else {
            "text/plain"
        };
        Self::Whole(
            status,
            vec![("Content-Type", kind.to_owned())],
            body.to_owned(),
        )
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        if let Self::Whole(_, headers, _) | Self::Events(headers, ..) = &mut self {
            headers.push((name, value.to_owned()));
        }
        self
    }
}

/// A server that runs as long as the tests do.
pub(crate) struct Web {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

type Answering = dyn Fn(&Asked) -> Reply + Send + Sync;

impl Web {
    pub(crate) fn new(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        Self::start(None, Arc::new(answer))
    }

    /// One that speaks TLS, as `localhost`.
    pub(crate) fn secure(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let key = PrivateKeyDer::from_pem_file(tls_file("server.key")).unwrap();
        let chain = CertificateDer::pem_file_iter(tls_file("server.pem")).unwrap();
        let chain = chain.collect::<Result<_, _>>().unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        Self::start(Some(Arc::new(config)), Arc::new(answer))
    }

    fn start(tls: Option<Arc<rustls::ServerConfig>>, answer: Arc<Answering>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let web = Self {
            address: listener.local_addr().unwrap(),
            asked: Arc::default(),
        };
        let asked = Arc::clone(&web.asked);
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                let (tls, answer, asked) = (tls.clone(), Arc::clone(&answer), Arc::clone(&asked));
                thread::spawn(move || match tls {
                    Some(config) => {
                        let server = rustls::ServerConnection::new(config).unwrap();
                        serve(rustls::StreamOwned::new(server, stream), &*answer, &asked);
                    }
                    None => serve(stream, &*answer, &asked),
                });
            }
        });
        web
    }

    /// The port that it listens at.
    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// All that was asked until now.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

/// A certificate or a key of the tests.
pub(crate) fn tls_file(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join("tests/data/tls").join(name)
}

/// A port at which nobody listens.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Listens, and answers to whatever comes with these bytes.
pub(crate) fn raw(answer: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let _ = stream
                .read(&mut [0; 4096])
                .and_then(|_| stream.write_all(answer));
        }
    });
    port
}

/// One connection: question after question, until the client or the stream ends.
fn serve(stream: impl Read + Write, answer: &Answering, asked: &Mutex<Vec<Asked>>) {
    let mut stream = BufReader::new(stream);
    while let Some(question) = read(&mut stream) {
        asked.lock().unwrap().push(question.clone());
        let goes_on = write(stream.get_mut(), answer(&question));
        if !matches!(goes_on, Ok(true)) {
            // A client that goes away lets this end.
            let _ = stream.read(&mut [0]);
            return;
        }
    }
}

fn read(stream: &mut impl BufRead) -> Option<Asked> {
    let mut line = String::new();
    let mut next = || {
        line.clear();
        stream.read_line(&mut line).ok()?;
        Some(line.trim_end().to_owned())
    };
    let first = next()?;
    let mut words = first.split(' ').map(str::to_owned);
    let (verb, path) = (words.next()?, words.next()?);
    let mut headers = BTreeMap::new();
    while let Some((name, value)) = next()?.split_once(':') {
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let length = headers
        .get("content-length")
        .map_or(0, |it| it.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    Some(Asked {
        verb,
        path,
        headers,
        body,
    })
}

/// Answers; says whether the connection can take another question.
fn write(stream: &mut impl Write, reply: Reply) -> std::io::Result<bool> {
    let lines = |headers: Vec<(&str, String)>| {
        let lines = headers.into_iter();
        let lines = lines.map(|(name, value)| format!("{name}: {value}\r\n"));
        lines.collect::<Vec<_>>().concat()
    };
    let (text, goes_on) = match reply {
        Reply::Whole(status, headers, body) => {
            let head = lines(headers);
            let length = body.len();
            (
                format!("HTTP/1.1 {status}\r\n{head}Content-Length: {length}\r\n\r\n{body}"),
                true,
            )
        }
        Reply::Events(headers, body, open) => {
            let head = lines(headers);
            let kind = "Content-Type: text/event-stream\r\nTransfer-Encoding: chunked";
            let length = body.len();
            let end = if open == Open::Ended { "0\r\n\r\n" } else { "" };
            let head = format!("HTTP/1.1 200 OK\r\n{head}{kind}\r\n\r\n");
            (
                format!("{head}{length:x}\r\n{body}\r\n{end}"),
                open == Open::Ended,
            )
        }
        Reply::Silence => return Ok(false),
    };
    stream.write_all(text.as_bytes())?;
    stream.flush()?;
    Ok(goes_on)
}
