//! What is removed from and added to messages on their way through.

use hyper::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, Entry, HOST, HeaderMap, HeaderName, HeaderValue, TE,
    TRANSFER_ENCODING, UPGRADE, VIA,
};
use planb_model::{Epoch, SiteName};
use std::net::IpAddr;

/// Which site answered. Only the edge says so.
pub(crate) const SITE: HeaderName = HeaderName::from_static("x-planb-site");
/// Epoch of the plan by which the request was served.
pub(crate) const EPOCH: HeaderName = HeaderName::from_static("x-planb-epoch");

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED: HeaderName = HeaderName::from_static("forwarded");

/// Headers about one connection (RFC 9110 section 7.6.1, and older customs).
const HOP_BY_HOP: [HeaderName; 6] = [
    CONNECTION,
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("keep-alive"),
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// The protocol a request asks to switch to, if it does. Only WebSocket:
/// through `h2c` a client could talk to an origin past every rule kept here.
pub(crate) fn upgrade_of(headers: &HeaderMap) -> Option<HeaderValue> {
    let asks = connection_options(headers).any(|option| option == "upgrade");
    let protocol = asks.then(|| headers.get(UPGRADE)).flatten()?;
    protocol
        .as_bytes()
        .eq_ignore_ascii_case(b"websocket")
        .then(|| protocol.clone())
}

fn connection_options(headers: &HeaderMap) -> impl Iterator<Item = String> {
    headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|option| option.trim().to_ascii_lowercase())
}

fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<String> = connection_options(headers).collect();
    for name in named {
        // The framing and the host are not the sender's to take away.
        if name != CONTENT_LENGTH.as_str() && name != HOST.as_str() {
            headers.remove(name);
        }
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
    headers.remove(SITE);
    headers.remove(EPOCH);
}

/// Makes a client's headers those of the request to an origin. `upgrade` is
/// the protocol it may switch to.
pub(crate) fn to_origin(
    headers: &mut HeaderMap,
    client: IpAddr,
    upgrade: Option<&HeaderValue>,
    trust_forwarded: bool,
) {
    remove_hop_by_hop(headers);
    // "100 Continue" is answered here, when the origin begins to take the body.
    headers.remove(EXPECT);
    if let Some(protocol) = upgrade {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, protocol.clone());
    }
    if !trust_forwarded {
        for name in [FORWARDED_FOR, FORWARDED_PROTO, FORWARDED_HOST, FORWARDED] {
            headers.remove(name);
        }
    }
    append(headers, FORWARDED_FOR, &client.to_string());
    if let Entry::Vacant(place) = headers.entry(FORWARDED_PROTO) {
        place.insert(HeaderValue::from_static("http"));
    }
    let host = headers.get(HOST).cloned();
    if let (Some(host), Entry::Vacant(place)) = (host, headers.entry(FORWARDED_HOST)) {
        place.insert(host);
    }
    append(headers, VIA, "1.1 planb-edge");
}

/// Adds an item to a comma-separated list, in one line.
fn append(headers: &mut HeaderMap, name: HeaderName, item: &str) {
    let mut list: Vec<u8> = Vec::new();
    for value in headers.get_all(&name) {
        list.extend_from_slice(value.as_bytes());
        list.extend_from_slice(b", ");
    }
    list.extend_from_slice(item.as_bytes());
    if let Ok(value) = HeaderValue::from_bytes(&list) {
        headers.insert(name, value);
    }
}

/// Makes an origin's headers those of the response to the client.
pub(crate) fn to_client(headers: &mut HeaderMap, site: &SiteName) {
    remove_hop_by_hop(headers);
    // A name is a DNS label, which is always a header value.
    if let Ok(value) = HeaderValue::from_str(site.as_str()) {
        headers.insert(SITE, value);
    }
}

/// Says by which epoch's plan a request was served.
pub(crate) fn set_epoch(headers: &mut HeaderMap, epoch: Epoch) {
    headers.insert(EPOCH, HeaderValue::from(epoch.0));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in lines {
            map.append(*name, HeaderValue::from_static(value));
        }
        map
    }

    fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
        headers.get(name).map(|v| v.to_str().unwrap())
    }

    const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

    #[test]
    fn headers_of_the_connection_stay_behind() {
        let mut map = headers(&[
            ("connection", "close, X-Secret-Hop"),
            ("connection", "Content-Length, host"),
            ("x-secret-hop", "1"),
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("proxy-connection", "close"),
            ("expect", "100-continue"),
            ("content-length", "3"),
            ("host", "shop.example"),
            ("cookie", "a=b"),
        ]);
        to_origin(&mut map, CLIENT, None, false);
        let mut names: Vec<&str> = map.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            [
                "content-length",
                "cookie",
                "host",
                "via",
                "x-forwarded-for",
                "x-forwarded-host",
                "x-forwarded-proto",
            ]
        );
        assert_eq!(text(&map, "x-forwarded-host"), Some("shop.example"));
    }

    #[test]
    fn forwarded_headers_are_replaced_unless_trusted() {
        let spoofed = [
            ("x-forwarded-for", "10.0.0.1"),
            ("x-forwarded-for", "10.0.0.2"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "evil"),
            ("forwarded", "for=10.0.0.1"),
            ("host", "shop.example"),
        ];
        let mut map = headers(&spoofed);
        to_origin(&mut map, CLIENT, None, false);
        assert_eq!(text(&map, "x-forwarded-for"), Some("192.0.2.7"));
        assert_eq!(text(&map, "x-forwarded-proto"), Some("http"));
        assert_eq!(text(&map, "x-forwarded-host"), Some("shop.example"));
        assert_eq!(text(&map, "forwarded"), None);
        let mut map = headers(&spoofed);
        to_origin(&mut map, CLIENT, None, true);
        assert_eq!(
            text(&map, "x-forwarded-for"),
            Some("10.0.0.1, 10.0.0.2, 192.0.2.7")
        );
        assert_eq!(text(&map, "x-forwarded-proto"), Some("https"));
    }

    #[test]
    fn an_origin_cannot_name_another_site() {
        let mut map = headers(&[("x-planb-site", "busan"), ("x-planb-epoch", "99")]);
        to_client(&mut map, &SiteName::new("seoul").unwrap());
        set_epoch(&mut map, Epoch(3));
        assert_eq!(text(&map, "x-planb-site"), Some("seoul"));
        assert_eq!(text(&map, "x-planb-epoch"), Some("3"));
        assert_eq!(map.len(), 2);
    }

    #[test]
    fn an_upgrade_is_asked_for_in_both_headers() {
        let websocket = [
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "websocket"),
        ];
        assert_eq!(upgrade_of(&headers(&websocket)).unwrap(), "websocket");
        assert_eq!(upgrade_of(&headers(&websocket[..1])), None);
        assert_eq!(upgrade_of(&headers(&websocket[1..])), None);
        let past_the_rules = [("connection", "upgrade"), ("upgrade", "h2c")];
        assert_eq!(upgrade_of(&headers(&past_the_rules)), None);
    }
}
