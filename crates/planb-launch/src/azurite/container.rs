//! Creates a container by one HTTP request, without an Azure client.
//!
//! The request is authorised by an account SAS: a query string signed once with
//! Azurite's public key, allowing nothing but creating containers until 2099.
//! A constant signature saves this crate an HMAC and an HTTP dependency.

use super::{ACCOUNT, SERVER};
use crate::LaunchError;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// String-to-sign: `devstoreaccount1\ncw\nb\nc\n\n2099-01-01T00:00:00Z\n\nhttps,http\n2019-12-12\n`,
/// signed by HMAC-SHA256 with [`super::ACCOUNT_KEY`].
const CREATE_CONTAINERS_SAS: &str = "sv=2019-12-12&ss=b&srt=c&sp=cw&se=2099-01-01T00%3A00%3A00Z\
     &spr=https%2Chttp&sig=Wg8H9LjD%2BnCxk2%2FN%2BzQtb5bkXESkWF7bc%2BpAmDRBEvE%3D";
/// Azurite answers at once; a minute means that it hangs.
const ANSWER_WAIT_SECS_MAX: u64 = 60;
/// Far above the headers and the XML of an error.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

pub(super) async fn create(port: u16, name: &str) -> Result<(), LaunchError> {
    let limit = Duration::from_secs(ANSWER_WAIT_SECS_MAX);
    let asked = tokio::time::timeout(limit, ask(port, name)).await;
    let answer = match asked {
        Ok(answer) => answer.map_err(LaunchError::io(format!("create container {name}")))?,
        Err(_) => {
            return Err(refused(name, "no answer"));
        }
    };
    let status = answer.split(' ').nth(1).unwrap_or_default();
    if status == "201" || answer.contains("ContainerAlreadyExists") {
        return Ok(());
    }
    Err(refused(name, answer.lines().next().unwrap_or_default()))
}

fn refused(name: &str, answer: &str) -> LaunchError {
    LaunchError::Refused {
        server: SERVER,
        what: format!("create container {name}"),
        answer: answer.to_owned(),
    }
}

async fn ask(port: u16, name: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let request = format!(
        "PUT /{ACCOUNT}/{name}?restype=container&{CREATE_CONTAINERS_SAS} HTTP/1.1\r\n\
         Host: 127.0.0.1:{port}\r\nx-ms-version: 2019-12-12\r\n\
         Content-Length: 0\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream
        .take(ANSWER_BYTES_MAX)
        .read_to_end(&mut answer)
        .await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
