//! The asynchronous half of our `native-tls`, under the name by which `mysql_async` asks for it.

pub use native_tls;
pub use native_tls::stream::{Connector as TlsConnector, Encrypted as TlsStream};
