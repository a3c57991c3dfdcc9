//! `planb init`: writes a commented planb.yaml.

use crate::cli::InitArgs;
use crate::error::{CliError, CliResult, Exit};
use crate::output;
use planb_model::{Lang, Text, plan};
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};

pub fn run(args: &InitArgs, lang: Lang) -> CliResult<Exit> {
    let template = plan::template(lang);
    if args.output.as_os_str() == "-" {
        output::data(template.trim_end());
        return Ok(Exit::Done);
    }
    let path = args.output.display();
    let mut options = OpenOptions::new();
    options.write(true).truncate(true);
    if args.force {
        options.create(true);
    } else {
        // Whether it is there is decided by the same call that makes it.
        options.create_new(true);
    }
    let written = options
        .open(&args.output)
        .and_then(|mut file| file.write_all(template.as_bytes()));
    match written {
        Ok(()) => {
            let done = Text::new(
                format!("wrote {path}; fill it in, then run `planb check`"),
                format!("{path} 파일을 만들었습니다. 내용을 채운 뒤 `planb check`를 실행하세요"),
            );
            output::note(done.get(lang));
            Ok(Exit::Done)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(CliError::new(
            Exit::Failed,
            "PB-INIT-EXISTS",
            format!("{path} exists; nothing was written"),
            format!("{path} 파일이 이미 있어 아무것도 쓰지 않았습니다"),
        )
        .hint(
            "use --force to replace it",
            "덮어쓰려면 --force를 사용하세요",
        )),
        Err(error) => Err(CliError::io(
            &format!("write {path}"),
            &format!("{path} 파일을 쓰기를"),
            error,
        )),
    }
}
