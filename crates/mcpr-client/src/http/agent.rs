//! The HTTP client as this use of it wants it: it follows nobody, trusts whom the machine trusts, and
//! distinguishes a status from a fault.

use super::ServerUrl;
use crate::ClientError;
use std::sync::Arc;
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// What this client calls itself.
const NAME: &str = concat!("mcpr/", env!("CARGO_PKG_VERSION"));

/// A client for one server.
pub(super) fn agent(url: &ServerUrl) -> Result<Agent, ClientError> {
    let mut config = Agent::config_builder()
        .http_status_as_error(false)
        // Headers with secrets follow to no other place.
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(NAME)
        .tls_config(tls(url)?);
    // A proxy of the environment does not reach this machine.
    if url.is_loopback() {
        config = config.proxy(None);
    }
    Ok(config.build().new_agent())
}

/// The authorities of the machine, or of `SSL_CERT_FILE` and `SSL_CERT_DIR`.
fn tls(url: &ServerUrl) -> Result<TlsConfig, ClientError> {
    // A proxy may want them where the server does not; on this machine there is none.
    let is_wanted = url.is_secure() || !url.is_loopback();
    let mut certificates = Vec::new();
    if is_wanted {
        let found = rustls_native_certs::load_native_certs();
        if found.certs.is_empty() && url.is_secure() {
            let why = found.errors.first().map(|it| format!(": {it}"));
            return Err(ClientError::Insecure {
                url: url.shown().to_owned(),
                why: format!(
                    "no certificates of authorities are found on this machine{}",
                    why.unwrap_or_default()
                ),
            });
        }
        let found = found.certs.iter();
        certificates.extend(found.map(|it| Certificate::from_der(it).to_owned()));
    }
    Ok(TlsConfig::builder()
        .root_certs(RootCerts::Specific(Arc::new(certificates)))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build())
}
