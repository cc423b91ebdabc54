//! Network credentials: whether a connection has TLS, and whom it trusts.

use std::{
    ffi::{c_char, c_uint},
    sync::Arc,
};

use otaru_agent::{Trust, pieces::OwnCertificate};
use otaru_capi::bytes;
use rustls::{
    ClientConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use crate::code::{
    OUT_RANGE, TLS_CONFIG_PSK_FAILED, TLS_INVALID_CLIENT_CERT, TLS_INVALID_CLIENT_KEY,
    TLS_INVALID_MAX_FRAGMENT, TLS_INVALID_SERVER_CERT,
};

const NONE: c_uint = 0;
const SVRCERT_CA: c_uint = 1;
const SVRCERT_PSK: c_uint = 2;

/// The longest PEM text read, in bytes.
const MAX_PEM: u32 = 1024 * 1024;

/// `aiot_sysdep_network_cred_t`.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct NetworkCred {
    option: c_uint,
    max_tls_fragment: u32,
    sni_enabled: u8,
    server_cert: *const c_char,
    server_cert_len: u32,
    client_cert: *const c_char,
    client_cert_len: u32,
    client_key: *const c_char,
    client_key_len: u32,
    tls_extend_info: *mut c_char,
}

/// The same with its texts copied: what a program frees afterwards is not missed.
#[derive(Clone, Default)] // no Debug: it holds a key
pub(crate) enum Cred {
    #[default]
    Plain,
    Ca {
        max_fragment: u32,
        /// None: a null pointer.
        roots: Option<Vec<u8>>,
        /// Certificate and key.
        own: Option<(Vec<u8>, Vec<u8>)>,
    },
    Psk,
}

impl NetworkCred {
    pub(super) fn is_none(&self) -> bool {
        self.option == NONE
    }

    /// Copies it.
    ///
    /// # Safety
    /// Each text is null or has the length beside it.
    pub(crate) unsafe fn copy(&self) -> Result<Cred, i32> {
        match self.option {
            NONE => Ok(Cred::Plain),
            SVRCERT_PSK => Ok(Cred::Psk),
            SVRCERT_CA => {
                // SAFETY: as the caller promises.
                unsafe {
                    let client = pem(self.client_cert, self.client_cert_len)?;
                    let key = pem(self.client_key, self.client_key_len)?;
                    Ok(Cred::Ca {
                        max_fragment: self.max_tls_fragment,
                        roots: pem(self.server_cert, self.server_cert_len)?,
                        own: client.zip(key),
                    })
                }
            }
            _ => Err(OUT_RANGE),
        }
    }
}

/// # Safety
/// `text` is null or has that length.
unsafe fn pem(text: *const c_char, len: u32) -> Result<Option<Vec<u8>>, i32> {
    if text.is_null() {
        return Ok(None);
    }
    if len > MAX_PEM {
        return Err(OUT_RANGE);
    }
    // SAFETY: as the caller promises.
    let text = unsafe { bytes(text.cast(), len as usize) }.unwrap_or_default();
    let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
    Ok(Some(text.get(..end).unwrap_or_default().to_vec()))
}

impl Cred {
    /// Whom to trust where there is TLS. Without a credential, and with an empty text: whom browsers trust.
    pub(crate) fn trust(&self) -> Result<Trust, i32> {
        match self {
            Cred::Plain => Ok(Trust::WebRoots),
            Cred::Psk => Err(TLS_CONFIG_PSK_FAILED),
            Cred::Ca { max_fragment: 0, .. } => Err(TLS_INVALID_MAX_FRAGMENT),
            Cred::Ca { roots: None, .. } => Err(TLS_INVALID_SERVER_CERT),
            Cred::Ca { roots: Some(pem), .. } if pem.trim_ascii().is_empty() => Ok(Trust::WebRoots),
            Cred::Ca { roots: Some(pem), .. } => Trust::read(pem).map_err(|_| TLS_INVALID_SERVER_CERT),
        }
    }

    /// The settings of TLS; none if there is to be none.
    pub(crate) fn tls(&self) -> Result<Option<Arc<ClientConfig>>, i32> {
        let Cred::Ca { own, .. } = self else {
            return if matches!(self, Cred::Plain) { Ok(None) } else { Err(TLS_CONFIG_PSK_FAILED) };
        };
        let trust = self.trust()?;
        let own = own.as_ref().map(|(certificate, key)| own_certificate(certificate, key)).transpose()?;
        trust.client_config_of(own).map(Some).map_err(|_| TLS_INVALID_CLIENT_CERT)
    }
}

fn own_certificate(certificate: &[u8], key: &[u8]) -> Result<OwnCertificate, i32> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(certificate)
        .collect::<Result<_, _>>()
        .map_err(|_| TLS_INVALID_CLIENT_CERT)?;
    if chain.is_empty() {
        return Err(TLS_INVALID_CLIENT_CERT);
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| TLS_INVALID_CLIENT_KEY)?;
    Ok(OwnCertificate { chain, key })
}
