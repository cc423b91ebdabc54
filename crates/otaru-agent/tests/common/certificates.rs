//! Certificates of the moment, for tests inside the crate and beside it.

use std::sync::Arc;

use rustls::{ServerConfig, pki_types::PrivateKeyDer};

/// A server named `localhost`, and who vouches for it.
#[derive(Clone)]
pub(crate) struct Vouched {
    pub(crate) ca_pem: String,
    pub(crate) config: Arc<ServerConfig>,
}

/// A new server's certificate by a new CA.
pub(crate) fn vouched() -> Vouched {
    let ca_key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca = params.self_signed(&ca_key).unwrap();
    let issuer = rcgen::Issuer::new(params, ca_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let names = vec!["localhost".to_owned()];
    let leaf = rcgen::CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    Vouched { ca_pem: ca.pem(), config: Arc::new(config) }
}
