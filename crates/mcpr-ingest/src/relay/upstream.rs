//! The way to a server: cleartext or TLS, HTTP/1.1 or what both sides prefer.

use super::bodies::RequestBody;
use super::prompt::PromptConnector;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use mcpr_model::Text;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How long a connection to a server is kept for the next request. Servers close theirs after 5 s, and
/// one that is just being closed would lose a request.
const KEPT_OPEN: Duration = Duration::from_secs(4);
/// Most headers of an answer.
pub(super) const MAX_HEADERS: usize = 1000;

/// The client that all requests go through.
pub(super) type UpstreamClient = Client<HttpsConnector<PromptConnector>, RequestBody>;

/// Whom a server's certificate is believed from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ServerTrust {
    /// The authorities of this machine.
    #[default]
    Platform,
    /// Those in a file of PEM, and no others.
    File(PathBuf),
    /// Anybody: only for servers on this machine.
    Anybody,
}

/// Why no server can be reached by TLS.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The machine has none.
    #[error("no certificates of authorities are found on this machine{0}")]
    NoAuthorities(String),
    /// The file cannot be read, or holds no certificate.
    #[error("{path}: {why}")]
    BadFile {
        /// The file.
        path: String,
        /// Why.
        why: String,
    },
    /// The parts of TLS do not fit together.
    #[error("no secure connection can come about: {0}")]
    Tls(#[from] rustls::Error),
}

/// The client for servers of which some are reached by TLS.
pub(super) fn client(trust: &ServerTrust, needs_tls: bool) -> Result<UpstreamClient, TrustError> {
    let mut tcp = HttpConnector::new();
    // The scheme is looked at by the part that does TLS.
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls(trust, needs_tls)?)
        .https_or_http()
        .enable_all_versions()
        .wrap_connector(PromptConnector(tcp));
    Ok(Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(KEPT_OPEN)
        .http1_preserve_header_case(true)
        .http1_max_headers(MAX_HEADERS)
        .build(connector))
}

fn tls(trust: &ServerTrust, needs_tls: bool) -> Result<ClientConfig, TrustError> {
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider));
    let config = config.with_safe_default_protocol_versions()?;
    let roots = match trust {
        ServerTrust::Anybody => {
            let anybody = Arc::new(Unverified(provider));
            let config = config.dangerous().with_custom_certificate_verifier(anybody);
            return Ok(config.with_no_client_auth());
        }
        // Reading hundreds of certificates takes a while, and cleartext needs none.
        ServerTrust::Platform if !needs_tls => RootCertStore::empty(),
        ServerTrust::Platform => platform()?,
        ServerTrust::File(path) => file(path)?,
    };
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// The authorities of the machine, or of `SSL_CERT_FILE` and `SSL_CERT_DIR`.
fn platform() -> Result<RootCertStore, TrustError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (known, _) = roots.add_parsable_certificates(found.certs);
    if known == 0 {
        let why = found.errors.first().map(|it| format!(": {it}"));
        return Err(TrustError::NoAuthorities(why.unwrap_or_default()));
    }
    Ok(roots)
}

fn file(path: &Path) -> Result<RootCertStore, TrustError> {
    let bad = |why: String| TrustError::BadFile {
        path: path.display().to_string(),
        why,
    };
    let mut roots = RootCertStore::empty();
    let certificates =
        CertificateDer::pem_file_iter(path).map_err(|error| bad(error.to_string()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| bad(error.to_string()))?;
        let added = roots.add(certificate);
        added.map_err(|error| bad(error.to_string()))?;
    }
    // A key or an empty file would make every server look like a stranger.
    if roots.is_empty() {
        return Err(bad(
            "there is no certificate in it; PEM is wanted".to_owned()
        ));
    }
    Ok(roots)
}

/// Takes any certificate, but no signature that does not fit it.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// What is at the bottom of an error: what lies above says where it was met, not what it is.
pub(super) fn cause(error: &dyn Error) -> Text {
    // Those above it repeat each other.
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    compact_str::format_compact!("{cause}")
}
