//! Addresses of targets: parsed once, shown without secrets.

use crate::error;
use planb_ports::PortResult;
use url::Url;

/// Parses `text`, which must have one of `schemes` and a host.
pub(crate) fn parse(text: &str, schemes: &[&str]) -> PortResult<Url> {
    let wanted = format!("{}://host:port", schemes.join(" or "));
    // The text may hold a password, so it is not repeated.
    let url = Url::parse(text).map_err(|e| error::address(&wanted).source(e))?;
    if schemes.contains(&url.scheme()) && url.has_host() {
        Ok(url)
    } else {
        Err(error::address(&wanted))
    }
}

/// The address without user, password, query and fragment: any may be secret.
pub(crate) fn shown(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map(|p| format!(":{p}")).unwrap_or_default();
    format!("{}://{host}{port}{}", url.scheme(), url.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let url = parse(
            "https://me:hunter2@host:8443/health?token=hunter2#x",
            &["https"],
        )
        .unwrap();
        assert_eq!(shown(&url), "https://host:8443/health");
    }

    #[test]
    fn bad_addresses_are_refused_without_repeating_them() {
        for bad in [
            "",
            "hunter2",
            "ftp://hunter2@host/",
            "http://",
            "http://hunter2@:x",
        ] {
            let error = parse(bad, &["http", "https"]).unwrap_err();
            assert_eq!(error.code(), "PB-PROBE-ADDRESS", "{bad}");
            assert!(!error.chain().contains("hunter2"), "{}", error.chain());
        }
    }
}
