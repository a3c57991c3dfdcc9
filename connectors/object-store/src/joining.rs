//! An upload to S3 whose parts are joined only when the name is free.
//!
//! `object_store` joins parts without a condition; S3 takes one (`If-None-Match:
//! *` on `CompleteMultipartUpload`), so that the last request of an upload is
//! sent here.

use crate::remote::{Remote, Signed};
use async_trait::async_trait;
use futures::FutureExt;
use object_store::aws::AmazonS3;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{
    Error as StoreError, MultipartId, MultipartUpload, PutPayload, PutResult,
    Result as StoreResult, UploadPart,
};
use reqwest::{Method, StatusCode};
use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A busy store is asked again this often; longer is the vault's business.
const RETRIES_MAX: u32 = 2;
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// One upload.
#[derive(Debug)]
pub(crate) struct ConditionalUpload {
    s3: Arc<AmazonS3>,
    remote: Remote,
    path: Path,
    id: MultipartId,
    begun: usize,
    parts: Arc<Mutex<Vec<(usize, PartId)>>>,
}

impl ConditionalUpload {
    pub(crate) async fn begin(s3: Arc<AmazonS3>, remote: Remote, path: Path) -> StoreResult<Self> {
        let id = s3.create_multipart(&path).await?;
        Ok(Self {
            s3,
            remote,
            path,
            id,
            begun: 0,
            parts: Arc::default(),
        })
    }

    fn manifest(&self) -> String {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        parts.sort_by_key(|(index, _)| *index);
        let mut xml = String::from("<CompleteMultipartUpload>");
        for (index, part) in parts.iter() {
            let (number, tag) = (index + 1, &part.content_id);
            // Writing to a String cannot fail.
            let written = write!(
                xml,
                "<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>"
            );
            debug_assert!(written.is_ok());
        }
        xml.push_str("</CompleteMultipartUpload>");
        xml
    }

    async fn join(&self) -> StoreResult<()> {
        let mut busy = 0;
        loop {
            let answer = self
                .remote
                .send(Signed {
                    method: Method::POST,
                    path: &self.path,
                    query: vec![("uploadId", self.id.clone())],
                    headers: vec![("if-none-match", "*".to_owned())],
                    body: self.manifest().into(),
                })
                .await?;
            let again = matches!(
                answer.status,
                StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS
            );
            if !again || busy == RETRIES_MAX {
                return answer.success(&self.path).map(drop);
            }
            busy += 1;
            tokio::time::sleep(RETRY_PAUSE).await;
        }
    }
}

#[async_trait]
impl MultipartUpload for ConditionalUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let index = self.begun;
        self.begun += 1;
        let (s3, path, id) = (Arc::clone(&self.s3), self.path.clone(), self.id.clone());
        let parts = Arc::clone(&self.parts);
        async move {
            let part = s3.put_part(&path, &id, index, data).await?;
            let mut parts = parts.lock().unwrap_or_else(PoisonError::into_inner);
            parts.push((index, part));
            Ok(())
        }
        .boxed()
    }

    async fn complete(&mut self) -> StoreResult<PutResult> {
        match self.join().await {
            // The upload is gone: joined by a request whose answer was lost, or
            // given up by the bucket's own rules. Only looking can tell.
            Err(StoreError::NotFound { source, .. })
                if source.to_string().contains("NoSuchUpload") =>
            {
                Err(StoreError::Generic {
                    store: "S3",
                    source: format!("joining parts, status code: 500: {source}").into(),
                })
            }
            Err(error) => Err(error),
            Ok(()) => Ok(PutResult {
                e_tag: None,
                version: None,
                extensions: Default::default(),
            }),
        }
    }

    async fn abort(&mut self) -> StoreResult<()> {
        self.s3.abort_multipart(&self.path, &self.id).await
    }
}
