//! The currencies that the service accepts.

use order_app::currencies::{Currencies, CurrencyNotEnabled};
use order_domain::Currency;
use order_testkit::examples::a_currency;

#[test]
fn the_default_is_chosen_when_no_currency_is_named() {
    let currencies = Currencies::new(a_currency("JPY"), vec![Currency::USD]);
    assert_eq!(currencies.choose(None), Ok(a_currency("JPY")));
}

#[test]
fn the_default_is_enabled_even_when_the_list_leaves_it_out() {
    let currencies = Currencies::new(a_currency("JPY"), vec![Currency::USD]);
    for enabled in [a_currency("JPY"), Currency::USD] {
        assert_eq!(currencies.choose(Some(enabled)), Ok(enabled));
    }
}

#[test]
fn a_currency_that_is_not_enabled_is_refused_and_the_enabled_ones_are_named() {
    let currencies = Currencies::new(Currency::USD, vec![a_currency("JPY"), Currency::USD]);
    let refused = currencies.choose(Some(a_currency("EUR"))).unwrap_err();
    let expected = CurrencyNotEnabled { requested: a_currency("EUR"), enabled: vec!["JPY", "USD"] };
    assert_eq!(refused, expected);
    assert_eq!(refused.to_string(), "the currency EUR is not enabled; enabled: JPY, USD");
}

#[test]
fn dollars_alone_are_enabled_by_default() {
    let currencies = Currencies::default();
    assert_eq!(currencies.choose(None), Ok(Currency::USD));
    assert!(currencies.choose(Some(a_currency("EUR"))).is_err());
}
