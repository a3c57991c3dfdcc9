//! What holds for every method: its data file is whole and in both languages,
//! its example works, its report can be written in every form.

#![allow(
    clippy::disallowed_methods,
    reason = "reads the documentation pages of the repository"
)]

#[path = "support/translation.rs"]
mod translation;

use planb_assess::answers::{self, Form};
use planb_assess::method::AnswersFile;
use planb_assess::render::{Format, Options, render};
use planb_assess::sheet::{Kind, Question};
use planb_assess::{Assessed, Inputs, METHODS, Method, Refusal, Sheet};
use planb_model::Lang;
use serde_json::Value as Json;

fn sheet(method: &Method) -> Sheet {
    method
        .sheet(method.data)
        .unwrap_or_else(|e| panic!("{}: {e:?}", method.name))
}

/// The example of a method, written as `planb assess init` does and read again.
fn example(method: &Method, lang: Lang) -> Assessed {
    let sheet = sheet(method);
    let text = answers::write(method.name, &sheet, &answers::example(&sheet, lang), lang);
    let file = AnswersFile {
        text: &text,
        name: "example.yaml",
        form: Form::Yaml,
    };
    match method.assess(&sheet, &file, &Inputs::default()) {
        Ok(assessed) => assessed,
        Err(Refusal::Invalid(errors)) => panic!("{}:\n{}", method.name, errors.render(Lang::En)),
        Err(other) => panic!("{}: {other:?}\n{text}", method.name),
    }
}

#[test]
fn data_files_are_in_both_languages() {
    for method in METHODS {
        let options = serde_saphyr::options! { strict_booleans: true };
        let raw: Json = serde_saphyr::from_str_with_options(method.data, options).expect("YAML");
        let found = translation::faults(&raw, method.name, &[]);
        assert!(found.is_empty(), "{}", found.join("\n"));
    }
}

/// What the user of the example has written himself.
fn given(method: &Method) -> Vec<String> {
    let sheet = sheet(method);
    let both = [Lang::En, Lang::Ko].map(|lang| Json::Object(answers::example(&sheet, lang)));
    let mut given: Vec<String> = both.iter().flat_map(translation::strings).collect();
    given.retain(|g| g.chars().any(char::is_alphabetic));
    given
}

#[test]
fn reports_are_in_both_languages() {
    for method in METHODS {
        let report = serde_json::to_value(example(method, Lang::En).report).expect("JSON");
        let found = translation::faults(&report, method.name, &given(method));
        assert!(found.is_empty(), "{}", found.join("\n"));
    }
}

#[test]
fn examples_work_in_both_languages_and_give_the_same() {
    for method in METHODS {
        let [en, ko] = [Lang::En, Lang::Ko].map(|lang| example(method, lang));
        // Words of the example are in one language; what comes out is not.
        assert_eq!(en.outcome, ko.outcome, "{}", method.name);
        let tone = |a: &Assessed| (a.report.verdict.tone, a.report.sections.len());
        assert_eq!(tone(&en), tone(&ko), "{}", method.name);
    }
}

#[test]
fn every_form_of_every_report_is_whole() {
    for method in METHODS {
        let assessed = example(method, Lang::En);
        for lang in [Lang::En, Lang::Ko] {
            let options = Options {
                lang,
                columns: 80,
                date: String::new(),
            };
            let write = |format| render(&assessed, format, &options);
            let headline = assessed.report.verdict.headline.get(lang);
            let html = write(Format::Html);
            assert!(html.contains(&format!("<html lang=\"{}\">", lang.tag())));
            assert!(
                html.ends_with("</html>\n")
                    && !html.contains("<script")
                    && !html.contains("http://")
            );
            assert_eq!(
                html.matches("<section").count(),
                html.matches("</section>").count()
            );
            assert!(
                html.matches("{").count() == html.matches("}").count(),
                "{}",
                method.name
            );
            let text = write(Format::Text);
            assert!(
                text.lines()
                    .all(|l| planb_assess::render::columns(l) <= 80 || l.starts_with("    ")),
                "{}:\n{text}",
                method.name
            );
            let beginning: String = headline.chars().take(12).collect();
            assert!(
                write(Format::Markdown).contains(&beginning),
                "{}",
                method.name
            );
            assert!(write(Format::Csv).starts_with('\u{feff}'));
            let json: Json = serde_json::from_str(&write(Format::Json)).expect("JSON");
            assert_eq!(json["schema"], "planb.assess/v1");
            assert_eq!(json["method"], method.name);
        }
    }
}

fn every_question(questions: &[Question], look: &mut dyn FnMut(&Question)) {
    for question in questions {
        look(question);
        match &question.kind {
            Kind::Group(fields) => every_question(fields, look),
            Kind::List(list) => every_question(&list.fields, look),
            _ => {}
        }
    }
}

#[test]
fn questions_say_where_answers_are_and_defaults_where_they_are_from() {
    for method in METHODS {
        let sheet = sheet(method);
        assert!(!sheet.source.is_empty());
        for question in &sheet.questions {
            assert!(
                question.find.is_some(),
                "{}.{}: no `find`",
                method.name,
                question.id
            );
        }
        every_question(&sheet.questions, &mut |question| {
            if question.default.is_some() {
                assert!(
                    question.source.is_some(),
                    "{}.{}: a default without a source",
                    method.name,
                    question.id
                );
            }
        });
    }
}

#[test]
fn an_empty_file_lists_what_is_missing() {
    for method in METHODS {
        let sheet = sheet(method);
        let text = answers::write(method.name, &sheet, &serde_json::Map::new(), Lang::En);
        let read = answers::read(&text, Form::Yaml, "x.yaml", method.name, &sheet)
            .unwrap_or_else(|e| panic!("{}", e.render(Lang::En)));
        let needed = sheet.questions.iter().filter(|q| {
            !q.may_be_left_out()
                && !matches!(&q.kind, Kind::Group(_))
                && !matches!(&q.kind, Kind::List(l) if l.min == 0)
        });
        for question in needed {
            assert!(
                read.missing.iter().any(|m| m.field == question.id),
                "{}.{}",
                method.name,
                question.id
            );
        }
    }
}

#[test]
fn every_method_has_a_page_that_names_its_source() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/assess");
    let index = std::fs::read_to_string(root.join("README.md")).expect("an index");
    for method in METHODS {
        let page = std::fs::read_to_string(root.join(format!("{}.md", method.name)))
            .unwrap_or_else(|_| panic!("no page for {}", method.name));
        assert!(page.contains("Source"), "{}", method.name);
        assert!(
            index.contains(&format!("({}.md)", method.name)),
            "{} is not in the index",
            method.name
        );
    }
}
