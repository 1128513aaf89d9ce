//! Driven adapter: tells whom a bearer token speaks for. Tokens are signed JSON Web Tokens, checked as Spring's resource
//! server checks them, and in a few places more strictly. The keys of the issuer are fetched in the background, so neither
//! the start nor a request depends on the issuer: see [`Jwt::run`].

mod algorithm;
mod claims;
mod fetch;
mod json;
mod jwt;
mod keys;
mod recent;
mod refusal;
mod report;
mod ring;
mod settings;
mod speaker;
mod token;

pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use fetch::is_protected;
pub use jwt::Jwt;
pub use keys::NoKeys;
pub use report::Report;
pub use reqwest::Url;
pub use settings::{AuthorityNames, ClaimNames, Delimiter, JwtSettings, KeySource, SettingsError};
