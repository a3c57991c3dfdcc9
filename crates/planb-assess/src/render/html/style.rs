//! The style sheet, inside the file; the colours are those of the drill report.

/// All of it. Colours keep 4.5:1 against their ground in both schemes.
pub const CSS: &str = r#"
:root{--ground:#fff;--panel:#f6f7f9;--ink:#1b1f26;--soft:#59616e;--line:#dfe3e8;--good:#0b6b3a;--good-ground:#e8f5ec;--warn:#7a4b00;--warn-ground:#fdf3dc;--bad:#a61b1b;--bad-ground:#fdeaea;--a:#1f5fbf;--b:#8a5a00;--c:#6a3fb5;--d:#0b6b3a;--e:#6b7280}
@media (prefers-color-scheme:dark){:root{--ground:#12151a;--panel:#1b2027;--ink:#e8ebf0;--soft:#a3adba;--line:#303843;--good:#6fd39b;--good-ground:#12301f;--warn:#f0c369;--warn-ground:#352a10;--bad:#ff9a92;--bad-ground:#3b1717;--a:#7fb0f5;--b:#dba54a;--c:#b79bf0;--d:#6fd39b;--e:#9aa3af}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0 auto;max-width:1060px;padding:36px 30px 28px;background:var(--ground);color:var(--ink);font:15px/1.6 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Apple SD Gothic Neo","Malgun Gothic","Noto Sans KR","Noto Sans CJK KR",sans-serif;font-variant-numeric:tabular-nums}
[lang=ko] body{font-family:Pretendard,"Apple SD Gothic Neo","Malgun Gothic","Noto Sans KR","Noto Sans CJK KR",system-ui,sans-serif;word-break:keep-all;overflow-wrap:break-word}
header{margin-bottom:22px}
h1{font-size:27px;line-height:1.25;margin:2px 0 4px;letter-spacing:-.01em;overflow-wrap:anywhere}
.brand{margin:0;font-weight:700;font-size:14px}.brand span{font-weight:400;color:var(--soft)}
.when{margin:0;color:var(--soft)}
.banner{display:flex;gap:14px;align-items:flex-start;border:1px solid;border-left-width:6px;border-radius:10px;padding:14px 18px;margin-bottom:18px;background:var(--panel)}
.banner strong{font-size:17px}.banner p{margin:2px 0 0;color:var(--ink)}
.banner .sign{font-size:21px;line-height:1.35;font-weight:700}
.good{color:var(--good)}.warn{color:var(--warn)}.bad{color:var(--bad)}.unknown{color:var(--soft)}
.banner.good{background:var(--good-ground)}.banner.warn{background:var(--warn-ground)}.banner.bad{background:var(--bad-ground)}
.cards{display:grid;grid-auto-flow:column;grid-auto-columns:minmax(0,1fr);gap:14px}
.card{background:var(--panel);border:1px solid var(--line);border-radius:10px;padding:14px 16px;min-width:0}
.card h2{margin:0;font-size:13px;font-weight:600;color:var(--soft)}
.figure{margin:4px 0 2px;font-size:29px;line-height:1.2;font-weight:700;letter-spacing:-.02em;overflow-wrap:anywhere}
.note{margin:2px 0 0;font-size:13px;color:var(--soft)}
.mark{font-weight:700}
section{margin-top:34px}
h2{font-size:18px;margin:0 0 6px}
.lead{margin:0 0 10px;color:var(--soft)}
p{margin:0 0 10px}
ul{margin:6px 0 10px;padding-left:20px}li{margin-bottom:5px}
.documents{font-size:12.5px;margin:0}
.findings{list-style:none;padding:0;margin:0}
.findings li{display:flex;gap:10px;padding:8px 0;border-bottom:1px solid var(--line);margin:0}
.findings+p,.findings+table,.findings+div{margin-top:8px}.findings .mark{width:1.2em;flex:none;text-align:center}
.findings .action{margin:3px 0 0;color:var(--ink);font-size:14px}
.whole,.note code{white-space:nowrap}.source{color:var(--soft);font-size:12.5px;white-space:nowrap}
table{border-collapse:collapse;width:100%;font-size:14px;margin:0 0 14px}
caption{text-align:left;font-weight:600;font-size:13.5px;padding:2px 0 6px;color:var(--soft)}
th,td{text-align:left;padding:6px 12px 6px 0;border-bottom:1px solid var(--line);vertical-align:top;font-weight:400;overflow-wrap:break-word}
thead th{font-weight:600;color:var(--soft);border-bottom:2px solid var(--line)}
.grid .figures{text-align:right;white-space:nowrap}.grid .figures:first-child{width:1%;padding-right:20px}.name{white-space:nowrap}.total td{font-weight:600;border-top:2px solid var(--line)}.group th{font-weight:600;padding-top:12px;background:none}td:last-child,th:last-child{padding-right:0}
.facts th{width:40%;color:var(--soft)}
.scroll{overflow-x:auto}
.chart{margin:6px 0 14px}.picture{overflow-x:auto}.chart figcaption{font-weight:600;font-size:13.5px;color:var(--soft);margin-bottom:4px}
.chart svg{display:block;width:100%;max-width:960px;min-width:560px;height:auto}
figure{margin:0}
details.data{margin:4px 0 0;font-size:13px;color:var(--soft)}.data summary{cursor:pointer}.data table{color:var(--ink);margin-top:8px}
svg text{fill:var(--ink);font-size:13px}
svg .tick{fill:var(--soft);font-size:12px}
svg .axis{stroke:var(--line);stroke-width:1}
svg .base{stroke:var(--ink);stroke-width:1.5}
svg .limit{stroke:var(--ink);stroke-width:1.5;stroke-dasharray:5 4}
svg .limit-label{font-size:12px;font-weight:600}
svg .series{stroke:var(--ground);stroke-width:1}
svg .line{fill:none;stroke-width:2.5}
svg .in-bar{fill:var(--ground);font-weight:600;font-size:12px}
.fill-0{fill:var(--a)}.fill-1{fill:var(--b)}.fill-2{fill:var(--c)}.fill-3{fill:var(--d)}.fill-4{fill:var(--e)}
.line-0{stroke:var(--a)}.line-1{stroke:var(--b);stroke-dasharray:8 4}.line-2{stroke:var(--c);stroke-dasharray:2 3}.line-3{stroke:var(--d);stroke-dasharray:10 3 2 3}.line-4{stroke:var(--e)}
pre code{font-size:12.5px}
pre{background:var(--panel);border:1px solid var(--line);border-radius:8px;padding:12px 14px;overflow-x:auto;margin:0 0 14px}
code{font:.9em/1.5 ui-monospace,"SF Mono",Menlo,Consolas,"Noto Sans Mono CJK KR",monospace}
footer{margin-top:36px;padding-top:12px;border-top:1px solid var(--line);color:var(--soft);font-size:13px}
@media (max-width:820px){body{padding:20px 16px}.cards{grid-auto-flow:row;grid-template-columns:repeat(2,minmax(0,1fr))}.facts th{width:45%}}
@page{size:A4;margin:13mm}
@media print{
:root{--ground:#fff;--panel:#f6f7f9;--ink:#1b1f26;--soft:#4b525d;--line:#d5dae0;--good:#0b6b3a;--good-ground:#e8f5ec;--warn:#7a4b00;--warn-ground:#fdf3dc;--bad:#a61b1b;--bad-ground:#fdeaea;--a:#1f5fbf;--b:#8a5a00;--c:#6a3fb5;--d:#0b6b3a;--e:#6b7280}
body{max-width:none;padding:0;font-size:12.5px;line-height:1.45;-webkit-print-color-adjust:exact;print-color-adjust:exact}
header{margin-bottom:10px}h1{font-size:22px}h2{font-size:15px;margin-bottom:4px}p,ul,table{margin-bottom:7px}li{margin-bottom:3px}
.brand{font-size:12.5px}.banner{padding:9px 14px;margin-bottom:10px}.banner strong{font-size:15px}.banner .sign{font-size:18px}
.cards{grid-auto-flow:column;grid-template-columns:none;gap:10px}.card{padding:8px 12px}.figure{font-size:21px;margin:1px 0}
section{margin-top:15px}.lead{margin-bottom:5px}.findings li{padding:4px 0}.findings .action{font-size:12px;margin-top:1px}
table{font-size:11.5px}th,td{padding-top:4px;padding-bottom:4px}.grid{margin-bottom:8px}.group th{padding-top:8px}
.wide table{font-size:9px}.wide th,.wide td{padding-right:6px}.note,.card h2,caption,.chart figcaption{font-size:11.5px}.source{font-size:10.5px}footer{font-size:10.5px;margin-top:10px;padding-top:6px}.documents{font-size:10.5px}footer p{margin-bottom:2px}
.card,.banner,tr,figure,pre,.findings li,.lead,.short,p{break-inside:avoid}h2,caption,.lead,figcaption,.group{break-after:avoid}thead{display:table-header-group}
.chart svg{min-width:0;max-width:none}.picture,.scroll{overflow:visible}.data{display:none}pre{white-space:pre-wrap;overflow-wrap:anywhere}pre code{font-size:11px}
}
"#;

#[cfg(test)]
mod tests {
    use super::CSS;
    use planb_testkit::palette::{TEXT_CONTRAST_MIN, contrast, palettes};

    #[test]
    fn every_text_can_be_read_in_every_scheme() {
        let all = palettes(CSS);
        // Light, dark, paper.
        assert_eq!(all.len(), 3);
        let texts = ["ink", "soft", "good", "warn", "bad"];
        let mut pairs: Vec<(&str, &str)> = Vec::new();
        for text in texts {
            pairs.extend([(text, "ground"), (text, "panel")]);
        }
        for banner in ["good", "warn", "bad"] {
            let ground = match banner {
                "good" => "good-ground",
                "warn" => "warn-ground",
                _ => "bad-ground",
            };
            pairs.extend([(banner, ground), ("ink", ground)]);
        }
        // Names inside bars stand in the colour of the page.
        pairs.extend(["a", "b", "c", "d", "e"].map(|series| ("ground", series)));
        for palette in &all {
            for (text, ground) in &pairs {
                let found = contrast(palette, text, ground);
                assert!(
                    found >= TEXT_CONTRAST_MIN,
                    "{text} on {ground}: {found:.2} in {palette:?}"
                );
            }
        }
    }
}
