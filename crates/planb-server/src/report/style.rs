//! The style sheet, inside the file.

/// All of it. Colours keep 4.5:1 against their ground in both schemes.
pub const CSS: &str = r#"
:root{--ground:#fff;--panel:#f6f7f9;--ink:#1b1f26;--soft:#59616e;--line:#dfe3e8;--good:#0b6b3a;--good-ground:#e8f5ec;--warn:#7a4b00;--warn-ground:#fdf3dc;--bad:#a61b1b;--bad-ground:#fdeaea;--detect:#8a5a00;--decide:#6a3fb5;--execute:#1f5fbf;--traffic:#0b6b3a;--outside:#6b7280}
@media (prefers-color-scheme:dark){:root{--ground:#12151a;--panel:#1b2027;--ink:#e8ebf0;--soft:#a3adba;--line:#303843;--good:#6fd39b;--good-ground:#12301f;--warn:#f0c369;--warn-ground:#352a10;--bad:#ff9a92;--bad-ground:#3b1717;--detect:#dba54a;--decide:#b79bf0;--execute:#7fb0f5;--traffic:#6fd39b;--outside:#9aa3af}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0 auto;max-width:1060px;padding:36px 30px 28px;background:var(--ground);color:var(--ink);font:15px/1.6 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Apple SD Gothic Neo","Malgun Gothic","Noto Sans KR","Noto Sans CJK KR",sans-serif;font-variant-numeric:tabular-nums}
[lang=ko]{font-family:Pretendard,"Apple SD Gothic Neo","Malgun Gothic","Noto Sans KR","Noto Sans CJK KR",system-ui,sans-serif;word-break:keep-all;overflow-wrap:break-word}
.anchor{position:fixed;top:0}
.ko{display:none}
#ko:target~header .ko,#ko:target~main .ko,#ko:target~footer .ko{display:inline}
#ko:target~header .en,#ko:target~main .en,#ko:target~footer .en{display:none}
header{display:flex;justify-content:space-between;align-items:flex-start;gap:24px;margin-bottom:22px}
h1{font-size:27px;line-height:1.25;margin:2px 0 4px;letter-spacing:-.01em;overflow-wrap:anywhere}
.brand{margin:0;font-weight:700;font-size:14px}.brand>span,.brand>span span{font-weight:400;color:var(--soft)}
.when{margin:0;color:var(--soft);overflow-wrap:anywhere}
nav{display:flex;border:1px solid var(--line);border-radius:8px;overflow:hidden;flex:none}
nav a{padding:6px 12px;color:var(--soft);text-decoration:none;font-size:13px}
nav a+a{border-left:1px solid var(--line)}
nav a:focus-visible{outline:2px solid var(--execute);outline-offset:-2px}
.to-en,#ko:target~header .to-ko{background:var(--panel);color:var(--ink);font-weight:600;text-decoration:underline;text-underline-offset:3px}
#ko:target~header .to-en{background:none;color:var(--soft);font-weight:400;text-decoration:none}
.banner{display:flex;gap:14px;align-items:flex-start;border:1px solid;border-left-width:6px;border-radius:10px;padding:14px 18px;margin-bottom:18px}
.banner strong{font-size:17px}.banner p{margin:2px 0 0;color:var(--ink)}
.banner .sign{font-size:21px;line-height:1.35;font-weight:700}
.banner.good{color:var(--good);background:var(--good-ground)}.banner.warn{color:var(--warn);background:var(--warn-ground)}.banner.bad{color:var(--bad);background:var(--bad-ground)}
.cards{display:grid;grid-template-columns:repeat(4,1fr);gap:14px}
.card{background:var(--panel);border:1px solid var(--line);border-radius:10px;padding:14px 16px;min-width:0}
.card h3{margin:0;font-size:13px;font-weight:600;color:var(--soft)}
.figure{margin:4px 0 2px;font-size:33px;line-height:1.2;font-weight:700;letter-spacing:-.02em;overflow-wrap:anywhere}
.figure small{font-size:15px;font-weight:500;color:var(--soft);letter-spacing:0}
.state{margin:0;font-size:13.5px;font-weight:600}.state.good{color:var(--good)}.state.bad{color:var(--bad)}
.note{margin:2px 0 0;font-size:13px;color:var(--soft)}
section{margin-top:34px}
h2{font-size:18px;margin:0 0 2px}
.lead{margin:0 0 10px;color:var(--soft)}
.empty{color:var(--soft);font-style:italic}
.chart{overflow-x:auto}.chart svg{display:block;width:100%;min-width:680px;height:auto}
svg text{fill:var(--ink);font-size:13px}
svg .tick,svg .count{fill:var(--soft);font-size:12px}
svg .grid{stroke:var(--line);stroke-width:1}
svg .in-bar{fill:var(--ground);font-weight:600}
svg .bar{stroke:var(--ground);stroke-width:1}
svg .objective{stroke:var(--ink);stroke-width:2;stroke-dasharray:5 4}svg .objective-label{font-weight:600}
svg .moment{stroke:var(--ink);stroke-width:1.5;stroke-dasharray:3 3}svg .moment-label{font-size:12px;font-weight:600}
.detect{fill:var(--detect)}.decide{fill:var(--decide)}.execute{fill:var(--execute)}.traffic{fill:var(--traffic)}.outside{fill:var(--outside)}
.m.old{fill:var(--outside)}.m.page{fill:var(--detect)}.m.new{fill:var(--traffic)}.m.none{fill:none;stroke:var(--bad);stroke-width:2}.m.other{fill:var(--decide)}
.badge{display:inline-block;min-width:21px;text-align:center;border-radius:5px;color:var(--ground);font-weight:700;font-size:12.5px;line-height:21px;margin-right:4px}
.badge.detect{background:var(--detect)}.badge.decide{background:var(--decide)}.badge.execute{background:var(--execute)}.badge.traffic{background:var(--traffic)}
table{border-collapse:collapse;width:100%;font-size:14px}
th,td{text-align:left;padding:6px 12px 6px 0;border-bottom:1px solid var(--line);vertical-align:top;font-weight:400}
.legend{margin-top:8px}.legend th{width:190px;font-weight:600;white-space:nowrap}
.legend td:not(.text),.moments td:not(.text){text-align:right;white-space:nowrap;width:1%;padding-right:18px}
.legend .text{color:var(--soft)}
.sum th,.sum td{border-bottom:0;font-weight:700}.sum .text{font-weight:400}
.setup th{width:280px;color:var(--soft)}.setup td{overflow-wrap:anywhere}
.scroll{overflow-x:auto}
.moments{font-size:13px}.moments thead th{font-weight:600;color:var(--soft);white-space:nowrap}
.moments td.text{min-width:86px}.moments .detail{min-width:220px;overflow-wrap:anywhere}
code{font:12px ui-monospace,"SF Mono",Menlo,Consolas,monospace;color:var(--soft);overflow-wrap:anywhere}
.method{margin:6px 0 0;padding-left:20px}.method li{margin-bottom:5px}
footer{margin-top:36px;padding-top:12px;border-top:1px solid var(--line);color:var(--soft);font-size:13px}
@media (max-width:820px){body{padding:20px 16px}.cards{grid-template-columns:repeat(2,1fr)}header{flex-direction:column;gap:10px}.setup th{width:45%}.legend th{width:auto}}
@page{size:A4;margin:13mm}
@media print{
:root{--ground:#fff;--panel:#f6f7f9;--ink:#1b1f26;--soft:#4b525d;--line:#d5dae0;--good:#0b6b3a;--good-ground:#e8f5ec;--warn:#7a4b00;--warn-ground:#fdf3dc;--bad:#a61b1b;--bad-ground:#fdeaea;--detect:#8a5a00;--decide:#6a3fb5;--execute:#1f5fbf;--traffic:#0b6b3a;--outside:#6b7280}body{max-width:none;padding:0;font-size:11.5px;-webkit-print-color-adjust:exact;print-color-adjust:exact}nav{display:none}.chart svg{min-width:0}section,.card,.banner,tr{break-inside:avoid}.wide,section:has(.moments){break-inside:auto}.cards{grid-template-columns:repeat(4,1fr)}header{flex-direction:row}.setup th{width:280px}.legend th{width:190px}section{margin-top:20px}h1{font-size:22px}.figure{font-size:25px}table,.moments{font-size:10.5px}h2{break-after:avoid}}
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
        let mut pairs = vec![
            ("good", "good-ground"),
            ("warn", "warn-ground"),
            ("bad", "bad-ground"),
        ];
        for text in ["ink", "soft", "good", "bad"] {
            pairs.extend([(text, "ground"), (text, "panel")]);
        }
        for phase in ["detect", "decide", "execute", "traffic", "outside"] {
            pairs.push(("ground", phase));
        }
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
