//! Which currencies this shop accepts.

use order_domain::Currency;

/// The enabled currencies and the one that is meant when none is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Currencies {
    enabled: Vec<Currency>,
    default: Currency,
}

/// A currency that exists, but not here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the currency {requested} is not enabled; enabled: {}", enabled.join(", "))]
pub struct CurrencyNotEnabled {
    /// What was asked for.
    pub requested: Currency,
    /// The codes that are enabled.
    pub enabled: Vec<&'static str>,
}

impl Currencies {
    /// A list of enabled currencies; the default is always enabled.
    #[must_use]
    pub fn new(default: Currency, mut enabled: Vec<Currency>) -> Self {
        if !enabled.contains(&default) {
            enabled.insert(0, default);
        }
        Self { enabled, default }
    }

    /// The currency of an order: the one asked for, or the default.
    ///
    /// # Errors
    /// [`CurrencyNotEnabled`].
    pub fn choose(&self, requested: Option<Currency>) -> Result<Currency, CurrencyNotEnabled> {
        match requested {
            None => Ok(self.default),
            Some(currency) if self.enabled.contains(&currency) => Ok(currency),
            Some(requested) => Err(CurrencyNotEnabled {
                requested,
                enabled: self.enabled.iter().map(|currency| currency.code()).collect(),
            }),
        }
    }
}

impl Default for Currencies {
    /// US dollars only.
    fn default() -> Self {
        Self::new(Currency::USD, Vec::new())
    }
}
