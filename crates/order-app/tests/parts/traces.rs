//! Reading and writing `traceparent`.

use order_app::traces::TraceContext;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

#[test]
fn a_valid_traceparent_is_read() {
    for (valid, is_sampled) in [
        (format!("00-{TRACE}-b7ad6b7169203331-01"), true),
        (format!("00-{TRACE}-b7ad6b7169203331-00"), false),
        (format!("00-{TRACE}-b7ad6b7169203331-02"), false),
        (format!("cc-{TRACE}-b7ad6b7169203331-03-what-comes-later"), true),
    ] {
        let trace_id = u128::from_str_radix(TRACE, 16).unwrap();
        let expected = TraceContext { trace_id, span_id: 0xb7ad_6b71_6920_3331, is_sampled };
        assert_eq!(TraceContext::parse(&valid), Some(expected), "{valid}");
        assert_eq!(TraceContext::parse(&expected.to_string()), Some(expected));
    }
}

#[test]
fn an_invalid_traceparent_is_ignored() {
    let zeros = "0".repeat(32);
    for wrong in [
        String::new(),
        "-".repeat(60),
        format!("ff-{TRACE}-b7ad6b7169203331-01"),
        format!("00-{TRACE}-b7ad6b7169203331-01-more"),
        format!("00-{zeros}-b7ad6b7169203331-01"),
        format!("00-{TRACE}-0000000000000000-01"),
        format!("00-{TRACE}-b7ad6b716920333-01"),
        format!("00-+{}-b7ad6b7169203331-01", &TRACE[1..]),
        format!("00-{}-b7ad6b7169203331-01", TRACE.to_uppercase()),
        format!("0-{TRACE}-b7ad6b7169203331-01"),
        format!("00-{TRACE}-b7ad6b7169203331-0g"),
    ] {
        assert_eq!(TraceContext::parse(&wrong), None, "{wrong}");
    }
}
