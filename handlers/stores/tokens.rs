//! Tokens of an identity in Microsoft Entra ID, for services that lakehand calls itself.

use std::sync::Arc;

use futures::future::BoxFuture;

use super::StoreError;
use crate::settings::{Credential, Secret};

/// Fetches a token; one that is still valid is fetched once.
pub type Token = Arc<dyn Fn() -> BoxFuture<'static, Result<Secret, StoreError>> + Send + Sync>;

/// Opens the source of tokens of an identity for a scope, such as
/// `https://communication.azure.com/.default`; only `main` knows how.
pub type OpenToken = fn(&Credential, scope: &'static str) -> Result<Token, StoreError>;
