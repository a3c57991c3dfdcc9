//! Creates a container by one HTTP request, without an Azure client.
//!
//! The request is authorised by an account SAS: a query string signed once with
//! Azurite's public key, allowing nothing but creating containers until 2099.
//! A constant signature saves this crate an HMAC and an HTTP dependency.

use super::{ACCOUNT, SERVER};
use crate::LaunchError;
use crate::http::{self, Ask};

/// String-to-sign: `devstoreaccount1\ncw\nb\nc\n\n2099-01-01T00:00:00Z\n\nhttps,http\n2019-12-12\n`,
/// signed by HMAC-SHA256 with [`super::ACCOUNT_KEY`].
const CREATE_CONTAINERS_SAS: &str = "sv=2019-12-12&ss=b&srt=c&sp=cw&se=2099-01-01T00%3A00%3A00Z\
     &spr=https%2Chttp&sig=Wg8H9LjD%2BnCxk2%2FN%2BzQtb5bkXESkWF7bc%2BpAmDRBEvE%3D";

pub(super) async fn create(port: u16, name: &str) -> Result<(), LaunchError> {
    let asked = Ask {
        line: format!("PUT /{ACCOUNT}/{name}?restype=container&{CREATE_CONTAINERS_SAS}"),
        headers: "x-ms-version: 2019-12-12\r\n",
        body: "",
    };
    let what = || format!("create container {name}");
    let answer = http::ask(port, &asked)
        .await
        .map_err(LaunchError::io(what()))?;
    if http::status(&answer) == "201" || answer.contains("ContainerAlreadyExists") {
        return Ok(());
    }
    Err(LaunchError::Refused {
        server: SERVER,
        what: what(),
        answer: answer.lines().next().unwrap_or_default().to_owned(),
    })
}
