//! Who asks: the user and the password that a request carries (Basic authentication, RFC 7617).
//!
//! This file takes them out of the Authorization field and knows nothing of who is right. What it
//! takes out is overwritten when it is dropped, and shows in no debug line.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::fields::Fields;

/// What a response asks for them with (RFC 7617 sections 2 and 2.1).
pub(crate) const CHALLENGE: &str = "Basic realm=\"httpd\", charset=\"UTF-8\"";

/// The name of the scheme, in any case (RFC 9110 section 11.1).
const SCHEME: &[u8] = b"Basic";

/// A user and a password, as a client sent them.
pub(crate) struct Credentials {
    /// `user:password`.
    pair: Zeroizing<Vec<u8>>,
    /// Where the first colon is: a password may have more of them, a user none.
    colon: usize,
}

impl Credentials {
    /// The credentials in these fields, if there are any, once and well-formed. Neither part may
    /// have control characters (RFC 7617 section 2).
    pub(crate) fn of(fields: &Fields<'_>) -> Option<Self> {
        let mut values = fields.all("authorization");
        let (value, None) = (values.next()?, values.next()) else { return None };
        let (scheme, rest) = value.split_at_checked(SCHEME.len())?;
        if !scheme.eq_ignore_ascii_case(SCHEME) || !rest.starts_with(b" ") {
            return None;
        }
        let pair = Zeroizing::new(STANDARD.decode(rest.trim_ascii_start()).ok()?);
        let colon = pair.iter().position(|&byte| byte == b':')?;
        let is_well_formed = !pair.iter().any(u8::is_ascii_control);
        is_well_formed.then_some(Self { pair, colon })
    }

    /// The user's name.
    pub(crate) fn user(&self) -> &[u8] {
        &self.pair[..self.colon]
    }

    /// The password.
    pub(crate) fn password(&self) -> &[u8] {
        &self.pair[self.colon + 1..]
    }
}

/// Shows neither part.
impl fmt::Debug for Credentials {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Credentials")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(values: &[&[u8]]) -> Option<Credentials> {
        let mut fields = Fields::default();
        for value in values {
            fields.push(b"authorization", value);
        }
        Credentials::of(&fields)
    }

    #[track_caller]
    fn check(value: &str, want: Option<(&str, &str)>) {
        let got = of(&[value.as_bytes()]);
        let got = got.as_ref().map(|it| (it.user(), it.password()));
        assert_eq!(got, want.map(|(user, password)| (user.as_bytes(), password.as_bytes())));
    }

    fn check_pair(pair: &str, want: Option<(&str, &str)>) {
        check(&format!("Basic {}", STANDARD.encode(pair)), want);
    }

    #[test]
    fn the_examples_of_the_rfc() {
        let secret = "open sesame";
        check("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", Some(("Aladdin", secret)));
        check("Basic dGVzdDoxMjPCow==", Some(("test", "123£")));
    }

    #[test]
    fn a_pair_has_a_colon_and_no_control_characters() {
        check_pair("ann:secret", Some(("ann", "secret")));
        check_pair("ann:a:b:", Some(("ann", "a:b:")));
        check_pair("ann:", Some(("ann", "")));
        check_pair(":secret", Some(("", "secret")));
        check_pair("Änn Bö:\u{202e}ß", Some(("Änn Bö", "\u{202e}ß")));
        for wrong in ["", "ann", "ann:a\0b", "a\nb:secret", "ann:secret\n", "ann:\x7f"] {
            check_pair(wrong, None);
        }
    }

    #[test]
    fn only_one_well_formed_field_counts() {
        for value in ["basic YTpi", "BASIC YTpi", "Basic   YTpi"] {
            check(value, Some(("a", "b")));
        }
        for value in ["", "Basic", "Basic ", "BasicYTpi", "Basic\tYTpi", "Digest YTpi", "YTpi"] {
            check(value, None);
        }
        for value in ["Basic YTpi,", "Basic YTpi YTpi", "Basic a:b", "Basic YTp", "Basic YTo", "é"]
        {
            check(value, None);
        }
        assert!(of(&[]).is_none());
        assert!(of(&[b"Basic YTpi", b"Basic YTpi"]).is_none());
        assert!(of(&[b"Basic \xff"]).is_none());
    }

    #[test]
    fn a_debug_line_shows_nothing_of_them() {
        let line = format!("{:?}", of(&[b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="]));
        for secret in ["QWx", "Aladdin", "open", "111"] {
            assert!(!line.contains(secret), "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_pair_comes_back(
            user in "[^:\\x00-\\x1f\\x7f]*",
            password in "[^\\x00-\\x1f\\x7f]*",
        ) {
            let value = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
            let credentials = of(&[value.as_bytes()]).unwrap();
            prop_assert_eq!(credentials.user(), user.as_bytes());
            prop_assert_eq!(credentials.password(), password.as_bytes());
        }

        #[test]
        fn any_bytes_have_an_answer(value: Vec<u8>) {
            let _ = of(&[&value]);
            let _ = of(&[&[b"Basic ", &value[..]].concat()]);
        }
    }
}
