//! The edge's own answers, from memory, in Korean and English.

use crate::body::{PassBody, full};
use crate::language::{first_language, wants_json};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER, VARY};
use hyper::{HeaderMap, Response, StatusCode};
use planb_model::{Lang, Text};

/// Small and self-contained: nothing is fetched while a site is down.
const TEMPLATE: &str = include_str!("page.html");

/// Why the edge answers itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notice {
    /// The service is moved or down. The request was certainly not processed.
    Maintenance {
        /// When to try again, in seconds.
        retry_after_secs: u32,
    },
    /// The request was sent, and the connection broke: outcome not known.
    Lost,
    /// The request was sent, and no answer came in time: outcome not known.
    TimedOut,
    /// The client was silent in the middle of its request.
    ClientSilent,
    /// The request makes no sense.
    BadRequest,
    /// The method is not for a reverse proxy.
    NotImplemented,
}

impl Notice {
    fn status(self) -> StatusCode {
        match self {
            Notice::Maintenance { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Notice::Lost => StatusCode::BAD_GATEWAY,
            Notice::TimedOut => StatusCode::GATEWAY_TIMEOUT,
            Notice::ClientSilent => StatusCode::REQUEST_TIMEOUT,
            Notice::BadRequest => StatusCode::BAD_REQUEST,
            Notice::NotImplemented => StatusCode::NOT_IMPLEMENTED,
        }
    }

    /// A word for programs.
    fn word(self) -> &'static str {
        match self {
            Notice::Maintenance { .. } => "maintenance",
            Notice::Lost => "lost",
            Notice::TimedOut => "timedOut",
            Notice::ClientSilent => "clientSilent",
            Notice::BadRequest => "badRequest",
            Notice::NotImplemented => "notImplemented",
        }
    }

    fn title(self) -> Text {
        match self {
            Notice::Maintenance { .. } => Text::new("Down for maintenance", "시스템 점검 중입니다"),
            Notice::Lost => Text::new(
                "The outcome of your request is not known",
                "요청의 처리 결과를 확인하지 못했습니다",
            ),
            Notice::TimedOut => Text::new(
                "The service did not answer in time",
                "응답이 지연되고 있습니다",
            ),
            Notice::ClientSilent => Text::new(
                "The request did not arrive completely",
                "요청이 끝까지 전달되지 않았습니다",
            ),
            Notice::BadRequest => Text::new("Bad request", "잘못된 요청입니다"),
            Notice::NotImplemented => {
                Text::new("Method not supported", "지원하지 않는 요청 방식입니다")
            }
        }
    }

    fn text(self) -> Text {
        match self {
            Notice::Maintenance {
                retry_after_secs: n,
            } => Text::new(
                format!(
                    "Please try again in about {n} seconds. We are sorry for the inconvenience."
                ),
                format!("약 {n}초 후에 다시 시도해 주세요. 이용에 불편을 드려 죄송합니다."),
            ),
            Notice::Lost | Notice::TimedOut => Text::new(
                "It may have been processed. Please check before you send it again.",
                "요청이 이미 처리되었을 수 있습니다. 다시 보내기 전에 처리 여부를 확인해 주세요.",
            ),
            Notice::ClientSilent => Text::new(
                "Please check your connection and send it again.",
                "네트워크 연결을 확인한 뒤 다시 보내 주세요.",
            ),
            Notice::BadRequest | Notice::NotImplemented => Text::new(
                "This request cannot be processed as it was sent.",
                "보내신 형식으로는 요청을 처리할 수 없습니다.",
            ),
        }
    }

    /// The answer to a request with `headers`.
    pub(crate) fn answer(self, headers: &HeaderMap) -> Response<PassBody> {
        let json = wants_json(headers);
        let (kind, body) = if json {
            ("application/json", self.json())
        } else {
            (
                "text/html; charset=utf-8",
                self.html(first_language(headers)),
            )
        };
        let mut response = Response::new(full(body));
        *response.status_mut() = self.status();
        let out = response.headers_mut();
        out.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        out.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        out.insert(VARY, HeaderValue::from_static("accept, accept-language"));
        if let Notice::Maintenance { retry_after_secs } = self {
            out.insert(RETRY_AFTER, HeaderValue::from(retry_after_secs));
        }
        response
    }

    fn html(self, first: Lang) -> String {
        let other = match first {
            Lang::Ko => Lang::En,
            Lang::En => Lang::Ko,
        };
        let (title, text) = (self.title(), self.text());
        // None of these come from outside, so nothing needs escaping.
        [
            ("{{lang}}", first.tag()),
            ("{{title}}", title.get(first)),
            ("{{text}}", text.get(first)),
            ("{{other_lang}}", other.tag()),
            ("{{other_title}}", title.get(other)),
            ("{{other_text}}", text.get(other)),
        ]
        .into_iter()
        .fold(TEMPLATE.to_owned(), |page, (place, value)| {
            page.replace(place, value)
        })
    }

    fn json(self) -> String {
        let retry_after = match self {
            Notice::Maintenance { retry_after_secs } => Some(retry_after_secs),
            _ => None,
        };
        serde_json::json!({
            "status": self.status().as_u16(),
            "error": self.word(),
            "retryAfterSeconds": retry_after,
            "title": self.title(),
            "message": self.text(),
        })
        .to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_can_be_read_in_every_scheme() {
        use planb_testkit::palette::{TEXT_CONTRAST_MIN, contrast, palettes};
        let all = palettes(TEMPLATE);
        assert_eq!(all.len(), 2);
        for palette in &all {
            for text in ["ink", "soft"] {
                let found = contrast(palette, text, "card");
                assert!(
                    found >= TEXT_CONTRAST_MIN,
                    "{text}: {found:.2} in {palette:?}"
                );
            }
        }
    }

    #[test]
    fn every_notice_has_both_languages_and_no_hole() {
        for notice in [
            Notice::Maintenance {
                retry_after_secs: 30,
            },
            Notice::Lost,
            Notice::TimedOut,
            Notice::ClientSilent,
            Notice::BadRequest,
            Notice::NotImplemented,
        ] {
            for first in [Lang::Ko, Lang::En] {
                let page = notice.html(first);
                assert!(page.contains(notice.title().get(Lang::Ko)), "{notice:?}");
                assert!(page.contains(notice.title().get(Lang::En)), "{notice:?}");
                assert!(!page.contains("{{"), "{page}");
                assert!(page.contains(&format!("<html lang=\"{}\">", first.tag())));
            }
        }
    }
}
