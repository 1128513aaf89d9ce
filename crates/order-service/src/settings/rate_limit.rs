//! How fast one client may ask.

use std::num::NonZeroU32;

use http_actix::{Proxies, RateLimit};
use settings_spring::values::{self, Fault, Read, optional};
use settings_spring::{Reader, keys};

keys! {
    pub(super) ROWS;
    PER_SECOND: Option<NonZeroU32> = "order.rate-limit.requests-per-second", "", Plain,
        "a whole number from 1 to 1000000",
        "How many requests a second one client may send to this instance's main port on average; further ones are answered \
         with 429. A client is a caller with a token, or else an address (an IPv6 network of 64 bits). Unless set, any \
         number. Health, metrics and the management port are not counted.",
        number;
    BURST: Option<NonZeroU32> = "order.rate-limit.burst", "", Plain, "a whole number from 1 to 1000000",
        "How many requests one client may send at once. Unless set, order.rate-limit.requests-per-second.", number;
}

/// `None`: any number.
pub(super) struct Limit(pub(super) Option<RateLimit>);

pub(super) fn read(from: &mut Reader<'_>, proxies: Option<&Proxies>) -> Option<Limit> {
    let (per_second, burst) = (from.read(&PER_SECOND), from.read(&BURST));
    let (per_second, burst) = (per_second?, burst?);
    let Some(per_second) = per_second else {
        if burst.is_some() {
            from.refuse(&BURST, "has no effect without order.rate-limit.requests-per-second");
            return None;
        }
        return Some(Limit(None));
    };
    if proxies == Some(&Proxies::Any) {
        let reason = "does not go with server.forward-headers-strategy=framework, because clients would name their own \
                      address: set it to native, and the networks of the proxies in order.trusted-proxies";
        from.refuse(&PER_SECOND, reason);
        return None;
    }
    Some(Limit(Some(RateLimit { per_second, burst: burst.unwrap_or(per_second) })))
}

fn number(text: &str) -> Read<Option<NonZeroU32>> {
    let number = |text: &str| values::number(text, 1..=1_000_000);
    optional(text, |text| NonZeroU32::new(number(text)?).ok_or(Fault::SHAPE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::tests::Case;

    fn case(options: &[(&str, &str)]) -> Case {
        let rate = Case::new().option("order.rate-limit.requests-per-second", "10");
        options.iter().fold(rate, |case, (name, value)| case.option(name, value))
    }

    #[test]
    fn a_burst_is_a_second_s_unless_set() {
        assert_eq!(Case::new().loaded().settings.web.rate_limit, None);
        let numbers = |case: Case| {
            case.loaded()
                .settings
                .web
                .rate_limit
                .map(|limit| (limit.per_second.get(), limit.burst.get()))
        };
        assert_eq!(numbers(case(&[])), Some((10, 10)));
        assert_eq!(numbers(case(&[("order.rate-limit.burst", "50")])), Some((10, 50)));
        let said = Case::new().option("order.rate-limit.burst", "5").refused();
        assert!(
            said.contains("order.rate-limit.burst") && said.contains("has no effect"),
            "{said}"
        );
        assert!(case(&[("order.rate-limit.burst", "0")]).refused().contains("from 1 to 1000000"));
    }

    #[test]
    fn clients_are_told_apart_by_listed_proxies_and_not_by_themselves() {
        let strategy = "server.forward-headers-strategy";
        let trusted = ("order.trusted-proxies", "10.0.0.0/8, ::1");
        let proxies = case(&[(strategy, "native"), trusted]).loaded().settings.web.proxies;
        let expected = ["10.0.0.0/8", "::1/128"].map(|network| network.parse().unwrap()).to_vec();
        assert_eq!(proxies, Proxies::In(expected));
        let said = case(&[(strategy, "framework")]).refused();
        assert!(
            said.contains("requests-per-second") && said.contains("order.trusted-proxies"),
            "{said}"
        );
        for strategies in [&[][..], &[(strategy, "none")], &[(strategy, "framework")]] {
            let said = strategies
                .iter()
                .fold(Case::new().option(trusted.0, trusted.1), |case, (name, value)| {
                    case.option(name, value)
                })
                .refused();
            assert!(said.contains("order.trusted-proxies") && said.contains("native"), "{said}");
        }
    }
}
