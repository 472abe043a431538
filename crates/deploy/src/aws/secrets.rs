//! Secrets in Secrets Manager. The role of workflows may read one of them, the key that verifies releases; people's may read more.

use super::{Aws, Error};

impl Aws {
    /// The text of a secret.
    pub(crate) async fn secret(&self, name: &str) -> Result<String, Error> {
        const CALL: &str = "secretsmanager:GetSecretValue";
        let client = aws_sdk_secretsmanager::Client::new(&self.config);
        let answer = client
            .get_secret_value()
            .secret_id(name)
            .send()
            .await
            .map_err(Error::of(CALL))?;
        answer
            .secret_string
            .ok_or_else(|| Error::answer(CALL, "it is no text"))
    }
}
