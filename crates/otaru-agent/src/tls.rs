//! Whom the device trusts: the certificates of one file, or the web's roots.

use std::{path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

/// Why a file of certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The file cannot be read.
    #[error("the certificate file {path} cannot be read: {error}")]
    Read {
        /// The file.
        path: String,
        /// The system's word.
        error: std::io::Error,
    },
    /// The file is not PEM, or holds no certificate.
    #[error("{path} holds no usable certificate in PEM: {problem}")]
    Malformed {
        /// The file.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The TLS library refuses.
    #[error("TLS cannot be set up: {0}")]
    Library(#[from] rustls::Error),
}

/// The certificates that a server's certificate must lead to.
#[derive(Debug, Clone)]
pub enum Trust {
    /// The roots that browsers trust, as compiled in.
    WebRoots,
    /// These and no other.
    Only(Vec<CertificateDer<'static>>),
}

impl Trust {
    /// The certificates of a PEM file, or the web's roots where none is named.
    pub(crate) fn load(ca: Option<&Path>) -> Result<Self, TrustError> {
        let Some(path) = ca else { return Ok(Self::WebRoots) };
        let name = path.display().to_string();
        let text = std::fs::read(path).map_err(|error| TrustError::Read { path: name.clone(), error })?;
        Self::read(&text).map_err(|problem| TrustError::Malformed { path: name, problem })
    }

    /// The certificates of PEM text.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(text: &[u8]) -> Result<Self, String> {
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(text)
            .collect::<Result<_, _>>()
            .map_err(|error| error.to_string())?;
        if certificates.is_empty() {
            return Err("there is no CERTIFICATE section in it".to_owned());
        }
        let mut store = RootCertStore::empty();
        for certificate in &certificates {
            store.add(certificate.clone()).map_err(|error| error.to_string())?;
        }
        Ok(Self::Only(certificates))
    }

    /// The settings of a TLS client that trusts these.
    ///
    /// # Errors
    /// [`TrustError::Library`].
    pub fn client_config(&self) -> Result<Arc<ClientConfig>, TrustError> {
        self.client_config_of(None)
    }

    /// The same, showing a certificate of the device's own if it has one.
    ///
    /// # Errors
    /// [`TrustError::Library`] if the library refuses a certificate or the key.
    pub fn client_config_of(&self, own: Option<OwnCertificate>) -> Result<Arc<ClientConfig>, TrustError> {
        let mut store = RootCertStore::empty();
        match self {
            Self::WebRoots => store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
            Self::Only(certificates) => {
                for certificate in certificates {
                    store.add(certificate.clone())?;
                }
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(store);
        let config = match own {
            Some(own) => config.with_client_auth_cert(own.chain, own.key)?,
            None => config.with_no_client_auth(),
        };
        Ok(Arc::new(config))
    }
}

/// A device's own certificate, for platforms that ask for one.
#[derive(Debug)]
pub struct OwnCertificate {
    /// It, and those that vouch for it.
    pub chain: Vec<CertificateDer<'static>>,
    /// Its key; a debug text does not show it.
    pub key: PrivateKeyDer<'static>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_certificate_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ca.pem");
        for text in [&b""[..], b"hello", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            std::fs::write(&path, text).unwrap();
            let error = Trust::load(Some(&path)).unwrap_err();
            assert!(matches!(error, TrustError::Malformed { .. }), "{error}");
            assert!(error.to_string().contains("ca.pem"), "{error}");
        }
        let missing = Trust::load(Some(&dir.path().join("none.pem"))).unwrap_err();
        assert!(matches!(missing, TrustError::Read { .. }), "{missing}");
    }
}
