//! User and password from Java's `sasl.jaas.config`, such as
//! `org.apache.kafka.common.security.plain.PlainLoginModule required username="u" password="p";`.

use std::iter::Peekable;
use std::str::Chars;

const PLAIN: &str = "org.apache.kafka.common.security.plain.PlainLoginModule";
const SCRAM: &str = "org.apache.kafka.common.security.scram.ScramLoginModule";

/// Reads user and password. No error contains a part of the text.
pub(super) fn credentials(text: &str) -> Result<(String, String), String> {
    let mut chars = text.chars().peekable();
    let module = word(&mut chars);
    if ![PLAIN, SCRAM].contains(&module.as_str()) {
        return Err(
            "only PlainLoginModule and ScramLoginModule are known; set sasl.mechanism and \
             librdkafka's own properties for another mechanism"
                .to_owned(),
        );
    }
    word(&mut chars); // `required`: there is one module
    let (mut username, mut password) = (None, None);
    loop {
        let option = word(&mut chars);
        if option.is_empty() {
            break;
        }
        let value = (chars.next_if_eq(&'=').is_some()).then(|| word(&mut chars));
        match option.as_str() {
            "username" => username = value,
            "password" => password = value,
            _ => {}
        }
    }
    if chars.next() != Some(';') {
        return Err("must end with a semicolon".to_owned());
    }
    username.zip(password).ok_or_else(|| "has no username=\"…\" and password=\"…\"".to_owned())
}

/// A word, bare or in quotation marks; within these, a backslash escapes the next character.
fn word(chars: &mut Peekable<Chars<'_>>) -> String {
    while chars.next_if(|c| c.is_whitespace()).is_some() {}
    let mut word = String::new();
    let Some(quote) = chars.next_if(|c| matches!(c, '"' | '\'')) else {
        while let Some(c) = chars.next_if(|c| !c.is_whitespace() && !matches!(c, '=' | ';')) {
            word.push(c);
        }
        return word;
    };
    while let Some(c) = chars.next_if(|c| *c != quote) {
        let escaped = if c == '\\' { chars.next() } else { Some(c) };
        word.extend(escaped);
    }
    chars.next();
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_password_are_read_as_java_reads_them() {
        for (text, user, password) in [
            (format!("{PLAIN} required username=\"u\" password=\"p\";"), "u", "p"),
            (format!("  {SCRAM}\n required\n password='p w;=' username=u ;"), "u", "p w;="),
            (format!("{SCRAM} required username=\"a\\\"b\" password=\"c\\\\d\";"), "a\"b", "c\\d"),
            (format!("{SCRAM} required tokenauth=\"true\" username=u password=\"\";"), "u", ""),
        ] {
            assert_eq!(credentials(&text), Ok((user.to_owned(), password.to_owned())), "{text}");
        }
    }

    #[test]
    fn an_error_does_not_contain_the_password() {
        for text in [
            "com.sun.security.auth.module.Krb5LoginModule required username=u password=hunter2;",
            &format!("{PLAIN} required username=\"u\" password=\"hunter2\""),
            &format!("{PLAIN} required password=\"hunter2\";"),
            &format!("{PLAIN} required username password=\"hunter2\";"),
            &format!("{PLAIN} required username=\"u\" password=\"hunter2;"),
            "",
        ] {
            let reason = credentials(text).unwrap_err();
            assert!(!reason.contains("hunter2") && !reason.is_empty(), "{reason}");
        }
    }
}
