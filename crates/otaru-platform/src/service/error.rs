//! Why the service does not do what it is asked.

use otaru_fleet::{Dialect, PackageError, Product, TaskState};
use otaru_wire::{NoticeError, ProductKey, dialect::onenet::AuthorizationError};

use super::Untellable;
use crate::{
    files::{FileId, OpenError},
    store::{StoreError, What},
};

/// Why an operator's call is refused. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The store's answer: something exists already, is missing, conflicts, or the store is at fault.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The package breaks a rule.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// The package is for a product that there is not.
    #[error("there is no product {0}")]
    NoSuchProduct(ProductKey),
    /// Devices of a product are to register themselves and cannot.
    #[error(
        "product {product} speaks {dialect}, in which otaru's platform knows no registration: make its devices by hand"
    )]
    NoRegistration {
        /// The product.
        product: ProductKey,
        /// What its devices speak.
        dialect: Dialect,
    },
    /// The package names a file that was never uploaded.
    #[error("no file {0} is kept; upload it first")]
    NoSuchFile(FileId),
    /// A file is known but cannot be opened.
    #[error(transparent)]
    File(#[from] OpenError),
    /// No device of a product could be told of the package or the configuration.
    #[error("product {product} speaks {dialect}, which cannot tell its devices of this: {error}")]
    Notice {
        /// The product.
        product: ProductKey,
        /// What its devices speak.
        dialect: Dialect,
        /// What the dialect has no word for.
        error: NoticeError,
    },
    /// No device of a product could be told of the package when it asks.
    #[error("product {product} speaks onenet, which cannot tell its devices of this: {problem}")]
    Untellable {
        /// The product.
        product: ProductKey,
        /// What its devices cannot be told.
        problem: Untellable,
    },
    /// A secret that was brought along cannot be one.
    #[error("a secret has 1 to 128 printable ASCII characters without blanks")]
    BadSecret,
    /// A secret of this dialect is bytes in base64, and one that was brought along is not.
    #[error("{0}: bring the access key as the vendor's console prints it, in base64")]
    BadAccessKey(#[source] AuthorizationError),
    /// Links for a device of this name would overrun what SDKs keep for them.
    #[error(
        "download links for this device would have {len} bytes behind the host; at most {} are allowed, and each \
         character of a name that is no letter, digit, `-`, `.`, `_` or `~` takes three",
        crate::links::MAX_TARGET_BYTES
    )]
    LongLinks {
        /// How many bytes path and query would have.
        len: usize,
    },
    /// The extra data is not the text of a JSON object.
    #[error("the extra data is not a JSON object: {0}")]
    Extra(String),
    /// The system gave no random bytes.
    #[error("the system gave no random bytes: {0}")]
    Random(String),
}

impl ServiceError {
    /// What a product's dialect cannot say.
    pub(super) fn unspoken(product: &Product, error: NoticeError) -> Self {
        ServiceError::Notice { product: product.key.clone(), dialect: product.dialect, error }
    }

    /// The thing that is missing, if that is the reason.
    pub fn not_found(&self) -> Option<What> {
        match self {
            ServiceError::Store(StoreError::NotFound { what }) => Some(*what),
            ServiceError::NoSuchProduct(_) => Some(What::Product),
            ServiceError::NoSuchFile(_) => Some(What::File),
            _ => None,
        }
    }
}

/// Why a link that was genuine does not lead to a file.
#[derive(Debug, thiserror::Error)]
pub enum GrantError {
    /// The link's task or file is not there, or the task is another device's.
    #[error("the link leads to nothing")]
    NotFound,
    /// The task is at its end, or waits for a person.
    #[error("the task is {0}: its files are no longer given out")]
    Closed(TaskState),
    /// The configuration is switched off, or so many newer versions were set that this one is not kept.
    #[error("this configuration is no longer given out")]
    Withdrawn,
    /// The store cannot tell.
    #[error(transparent)]
    Store(StoreError),
}
