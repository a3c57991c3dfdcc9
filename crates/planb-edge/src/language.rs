//! What a client would rather read: `Accept-Language` and `Accept`.

use hyper::HeaderMap;
use hyper::header::{ACCEPT, ACCEPT_LANGUAGE, HeaderName};
use planb_model::Lang;

/// Items of a header that are looked at; more are not sent in good faith.
const ITEMS_MAX: usize = 32;

/// Which language stands first on the page. Korean, unless English is preferred.
pub(crate) fn first_language(headers: &HeaderMap) -> Lang {
    let weight = |wanted: &str| {
        best(headers, ACCEPT_LANGUAGE, |item| {
            item == wanted
                || item
                    .strip_prefix(wanted)
                    .is_some_and(|rest| rest.starts_with('-'))
        })
    };
    if weight("en") > weight("ko") {
        Lang::En
    } else {
        Lang::Ko
    }
}

/// Whether the client asks for JSON rather than for a page.
pub(crate) fn wants_json(headers: &HeaderMap) -> bool {
    let json = best(headers, ACCEPT, |item| {
        item == "application/json" || item.ends_with("+json")
    });
    let html = best(headers, ACCEPT, |item| item == "text/html");
    json > html
}

/// The highest weight of an item that `is_meant`; 0 when there is none.
fn best(headers: &HeaderMap, name: HeaderName, is_meant: impl Fn(&str) -> bool) -> f32 {
    let items = headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .take(ITEMS_MAX);
    let mut best = 0.0;
    for item in items {
        let mut parts = item.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let weight = parts
            .find_map(|part| part.strip_prefix("q="))
            .map_or(1.0, |q| q.parse().unwrap_or(0.0));
        if is_meant(&name) && weight > best {
            best = weight;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &'static str) -> HeaderMap {
        [(name, value.parse().unwrap())].into_iter().collect()
    }

    #[test]
    fn korean_is_first_unless_english_is_preferred() {
        for (value, first) in [
            ("", Lang::Ko),
            ("*", Lang::Ko),
            ("ko-KR,ko;q=0.9,en;q=0.8", Lang::Ko),
            ("en-US,en;q=0.9,ko;q=0.8", Lang::En),
            ("fr, en;q=0.3", Lang::En),
            ("en;q=0.3, KO;q=0.4", Lang::Ko),
            ("kok, enm", Lang::Ko),
            ("en;q=nonsense", Lang::Ko),
        ] {
            assert_eq!(
                first_language(&headers(ACCEPT_LANGUAGE, value)),
                first,
                "{value}"
            );
        }
        assert_eq!(first_language(&HeaderMap::new()), Lang::Ko);
    }

    #[test]
    fn json_is_for_those_who_ask_for_it() {
        for (value, json) in [
            ("application/json", true),
            ("application/problem+json, */*;q=0.1", true),
            ("text/html,application/xhtml+xml,*/*;q=0.8", false),
            ("text/html;q=0.5, application/json", true),
            ("application/json;q=0", false),
            ("*/*", false),
        ] {
            assert_eq!(wants_json(&headers(ACCEPT, value)), json, "{value}");
        }
    }
}
