//! ISO 4217 currencies and their decimals. Which of them a shop accepts is a setting, not here;
//! funds without a minor unit (gold, testing codes) are left out.

use std::fmt;
use std::str::FromStr;

/// Codes without decimals (ISO 4217 minor unit 0).
const DECIMALS_0: &str = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF";
/// Codes with two decimals.
const DECIMALS_2: &str = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD \
    BTN BWP BYN BZD CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR \
    FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD \
    KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN \
    NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS \
    SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD \
    XCD XCG YER ZAR ZMW ZWG";
/// Codes with three decimals.
const DECIMALS_3: &str = "BHD IQD JOD KWD LYD OMR TND";
/// Codes with four decimals.
const DECIMALS_4: &str = "CLF UYW";

/// A currency of ISO 4217 (list one, 2026), by its alphabetic code.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency {
    code: &'static str,
    decimals: u32,
}

/// Not an alphabetic code of ISO 4217, in capitals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an ISO 4217 currency code in capitals, such as USD")]
pub struct UnknownCurrency;

impl Currency {
    /// The US dollar, the default of the service.
    pub const USD: Self = Self { code: "USD", decimals: 2 };

    /// Looks a code up.
    ///
    /// # Errors
    /// [`UnknownCurrency`] when ISO 4217 has no such code; small letters are not accepted.
    pub fn from_code(code: &str) -> Result<Self, UnknownCurrency> {
        // The common case first; the scan of the others is less than a kilobyte.
        if code == Self::USD.code {
            return Ok(Self::USD);
        }
        Self::all().find(|currency| currency.code == code).ok_or(UnknownCurrency)
    }

    /// Every currency that this crate knows.
    pub fn all() -> impl Iterator<Item = Self> {
        [(0, DECIMALS_0), (2, DECIMALS_2), (3, DECIMALS_3), (4, DECIMALS_4)].into_iter().flat_map(
            |(decimals, codes)| {
                codes.split_ascii_whitespace().map(move |code| Self { code, decimals })
            },
        )
    }

    /// The alphabetic code, three capitals.
    #[must_use]
    pub const fn code(self) -> &'static str {
        self.code
    }

    /// How many decimals an amount of this currency has: 0 for JPY, 2 for USD, 3 for KWD.
    #[must_use]
    pub const fn decimals(self) -> u32 {
        self.decimals
    }
}

impl FromStr for Currency {
    type Err = UnknownCurrency;

    fn from_str(code: &str) -> Result<Self, UnknownCurrency> {
        Self::from_code(code)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code)
    }
}

/// Reads like the value: `USD`.
impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_follow_iso_4217() {
        for (code, decimals) in [("JPY", 0), ("USD", 2), ("EUR", 2), ("KWD", 3), ("CLF", 4)] {
            assert_eq!(Currency::from_code(code).unwrap().decimals(), decimals, "{code}");
        }
        assert_eq!(Currency::from_code("USD").unwrap(), Currency::USD);
    }

    #[test]
    fn only_exact_codes_are_known() {
        for wrong in ["", "usd", "US", "USDX", "XXX", "XAU", "USD ", "BIF CLP"] {
            assert_eq!(Currency::from_code(wrong), Err(UnknownCurrency), "{wrong}");
        }
    }

    #[test]
    fn every_code_is_three_capitals_and_stands_once() {
        let codes: Vec<_> = Currency::all().map(Currency::code).collect();
        let unique: std::collections::HashSet<_> = codes.iter().collect();
        assert_eq!(unique.len(), codes.len());
        assert!(codes.iter().all(|c| c.len() == 3 && c.bytes().all(|b| b.is_ascii_uppercase())));
    }
}
