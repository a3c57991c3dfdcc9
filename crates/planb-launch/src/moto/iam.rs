//! Users of moto's identity service, by three requests each.

use super::{Keys, Moto, REGION, SERVER};
use crate::LaunchError;
use planb_model::Secret;

pub(super) async fn user(moto: &Moto, name: &str, action: &str) -> Result<Keys, LaunchError> {
    call(moto, &format!("Action=CreateUser&UserName={name}")).await?;
    // {"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":…,"Resource":"*"}]}
    let policy = format!(
        "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A\
         %22Allow%22%2C%22Action%22%3A%22{action}%22%2C%22Resource%22%3A%22*%22%7D%5D%7D"
    );
    let put =
        format!("Action=PutUserPolicy&UserName={name}&PolicyName=planb&PolicyDocument={policy}");
    call(moto, &put).await?;
    let answer = call(moto, &format!("Action=CreateAccessKey&UserName={name}")).await?;
    let (Some(id), Some(secret)) = (
        element(&answer, "AccessKeyId"),
        element(&answer, "SecretAccessKey"),
    ) else {
        return Err(LaunchError::Refused {
            server: SERVER,
            what: format!("create keys for {name}"),
            answer: "an answer without keys".into(),
        });
    };
    Ok(Keys {
        id: id.to_owned(),
        secret: Secret::new(secret),
    })
}

async fn call(moto: &Moto, body: &str) -> Result<String, LaunchError> {
    // moto finds the service by the scope of the signature, which it does not check yet.
    let headers = format!(
        "Authorization: AWS4-HMAC-SHA256 Credential=x/20260101/{REGION}/iam/aws4_request, \
         SignedHeaders=host, Signature=x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    );
    let what = "make a user";
    let body = format!("{body}&Version=2010-05-08");
    moto.prepare(what, "POST /".into(), &headers, &body).await
}

fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once("</").map(|(text, _)| text)
}
