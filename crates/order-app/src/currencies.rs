//! The currencies that the service accepts.

use order_domain::Currency;

/// The enabled currencies, and the default one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Currencies {
    enabled: Vec<Currency>,
    default: Currency,
}

/// A currency that exists and is not enabled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the currency {requested} is not enabled; enabled: {}", enabled.join(", "))]
pub struct CurrencyNotEnabled {
    /// The currency of the request.
    pub requested: Currency,
    /// The codes of the enabled currencies.
    pub enabled: Vec<&'static str>,
}

impl Currencies {
    /// The enabled currencies; the default one always is.
    #[must_use]
    pub fn new(default: Currency, mut enabled: Vec<Currency>) -> Self {
        if !enabled.contains(&default) {
            enabled.insert(0, default);
        }
        Self { enabled, default }
    }

    /// The most decimals that amounts in these currencies have.
    #[must_use]
    pub fn decimals(&self) -> u32 {
        self.enabled.iter().map(|currency| currency.decimals()).max().unwrap_or_default()
    }

    /// The currency of an order: the requested one, or else the default one.
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
