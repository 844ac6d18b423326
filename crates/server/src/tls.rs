//! Encrypted connections to others: what `fetch` and the gateway trust is what the system trusts.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};

/// For those who trust nobody, since they encrypt nothing.
///
/// # Errors
/// When nothing can be encrypted.
pub(crate) fn none() -> Result<ClientConfig, rustls::Error> {
    with(RootCertStore::empty())
}

/// For those who trust whom the system trusts.
///
/// # Errors
/// When nothing can be encrypted.
pub(crate) fn of_system() -> Result<ClientConfig, rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    with(roots)
}

fn with(roots: RootCertStore) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
