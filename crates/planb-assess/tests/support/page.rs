//! Takes an HTML page apart: strictly, as a browser would forgive what it finds.

use std::collections::BTreeSet;

/// Elements without an end (HTML, 13.1.2).
const VOID: &[&str] = &["meta", "br", "hr", "img", "input", "link"];
/// Elements of SVG that this page ends in their own tag.
const ENDED: &[&str] = &["line", "polyline", "rect", "path", "circle"];

/// What is wrong with a page: tags that do not match, attributes without
/// quotes or given twice, ids given twice, what a page must have and has not.
pub fn faults(html: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open: Vec<String> = Vec::new();
    let mut ids = BTreeSet::new();
    for tag in tags(html) {
        if let Some(name) = tag.strip_prefix('/') {
            match open.pop() {
                Some(last) if last == name => {}
                last => found.push(format!("</{name}> ends {last:?}")),
            }
            continue;
        }
        let (name, attributes, ended) = parts(&tag);
        match attributes_of(&attributes) {
            Err(why) => found.push(format!("<{tag}>: {why}")),
            Ok(all) => {
                let names: BTreeSet<&String> = all.iter().map(|(name, _)| name).collect();
                if names.len() < all.len() {
                    found.push(format!("<{tag}>: an attribute twice"));
                }
                let id = all.iter().find(|(name, _)| name == "id");
                if let Some((_, id)) = id
                    && !ids.insert(id.clone())
                {
                    found.push(format!("id {id} twice"));
                }
                found.extend(lacking(&name, &all).map(|why| format!("<{tag}>: {why}")));
            }
        }
        if ended && !ENDED.contains(&name.as_str()) {
            found.push(format!("<{tag}> ends itself"));
        }
        if !ended && !VOID.contains(&name.as_str()) {
            open.push(name);
        }
    }
    found.extend(open.iter().map(|name| format!("<{name}> has no end")));
    found
}

/// What an element must have to be read aloud.
fn lacking(name: &str, all: &[(String, String)]) -> Option<&'static str> {
    let has = |wanted: &str| all.iter().any(|(n, v)| n == wanted && !v.trim().is_empty());
    match name {
        "th" if !has("scope") => Some("no scope"),
        "svg" if !(has("role") && has("aria-label")) => Some("no name"),
        "html" if !has("lang") => Some("no language"),
        _ => None,
    }
}

/// What a browser would fetch, or run.
pub fn loads(html: &str) -> Vec<String> {
    const ELEMENTS: &[&str] = &[
        "script", "link", "img", "image", "iframe", "object", "embed", "base", "use",
    ];
    const ATTRIBUTES: &[&str] = &[
        "src",
        "href",
        "xlink:href",
        "srcset",
        "data",
        "action",
        "poster",
        "background",
        "style",
    ];
    let mut found = Vec::new();
    for tag in tags(html) {
        let (name, attributes, _) = parts(&tag);
        let all = attributes_of(&attributes).unwrap_or_default();
        let fetches = |(name, _): &(String, String)| {
            ATTRIBUTES.contains(&name.as_str()) || name.starts_with("on")
        };
        if ELEMENTS.contains(&name.as_str()) || all.iter().any(fetches) {
            found.push(tag);
        }
    }
    let styles = html.split("<style>").skip(1);
    let styles = styles.filter_map(|rest| rest.split("</style>").next());
    found.extend(styles.filter_map(|css| {
        let fetches = ["url(", "@import", "://"];
        let what = fetches.iter().find(|what| css.contains(**what))?;
        Some(format!("{what} in the style sheet"))
    }));
    found
}

/// The insides of all tags; the style sheet and the declaration are left out.
fn tags(html: &str) -> Vec<String> {
    let body = html.strip_prefix("<!doctype html>").unwrap_or_default();
    let mut out = Vec::new();
    let mut rest = body;
    while let Some((_, after)) = rest.split_once('<') {
        let (tag, next) = after.split_once('>').unwrap_or((after, ""));
        out.push(tag.to_owned());
        rest = next;
        if tag == "style" {
            rest = next.split_once("</style>").map_or("", |(_, after)| after);
            out.push("/style".to_owned());
        }
    }
    out
}

/// Name, attributes, and whether it ends itself.
fn parts(tag: &str) -> (String, String, bool) {
    let (tag, ended) = match tag.strip_suffix('/') {
        Some(tag) => (tag, true),
        None => (tag, false),
    };
    let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
    (name.to_owned(), attributes.trim().to_owned(), ended)
}

fn attributes_of(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut out = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"").ok_or("a value without quotes")?;
        let (value, next) = after.split_once('"').ok_or("a quote without end")?;
        if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c == '"') {
            return Err(format!("odd attribute {name:?}"));
        }
        out.push((name.to_owned(), value.to_owned()));
        rest = next.trim_start();
    }
    Ok(out)
}

/// What people see on a page: tags out, references read.
pub fn text(html: &str) -> String {
    let mut out = String::new();
    let mut rest = html.split_once("<body>").map_or("", |(_, body)| body);
    while let Some((words, after)) = rest.split_once('<') {
        out.push_str(words);
        rest = after.split_once('>').map_or("", |(_, next)| next);
    }
    [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&nbsp;", "\u{a0}"),
        ("&amp;", "&"),
    ]
    .iter()
    .fold(out, |text, (from, to)| text.replace(from, to))
}

#[test]
fn broken_pages_are_found() {
    let page =
        |body: &str| format!("<!doctype html>\n<html lang=\"en\"><body>{body}</body></html>");
    assert_eq!(faults(&page("<p>a &lt; b</p>")), Vec::<String>::new());
    for broken in [
        "<p>",
        "</p>",
        "<p><b></p></b>",
        "<p class=a></p>",
        "<p class=\"a\" class=\"b\"></p>",
        "<i id=\"a\"></i><b id=\"a\"></b>",
        "<th>a</th>",
        "<svg></svg>",
        "<div/>",
    ] {
        assert!(!faults(&page(broken)).is_empty(), "{broken}");
    }
    assert!(loads(&page("<pre>az://a url(b)</pre>")).is_empty());
    for fetched in [
        "<img src=\"https://a/b\">",
        "<a href=\"b\"></a>",
        "<script></script>",
        "<p onclick=\"a\"></p>",
        "<style>p{background:url(b)}</style>",
    ] {
        assert!(!loads(&page(fetched)).is_empty(), "{fetched}");
    }
    assert_eq!(text(&page("<p>a &amp;lt; <b>b</b></p>")), "a &lt; b");
}
