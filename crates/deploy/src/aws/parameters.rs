//! Parameters in SSM.

use std::collections::BTreeMap;

use aws_sdk_ssm::primitives::DateTime;
use aws_sdk_ssm::types::{Parameter, ParameterType};

use super::{Aws, Error};

impl Aws {
    /// The parameters that there are, by name: ten at most.
    pub(crate) async fn parameters(&self, names: &[&str]) -> Result<BTreeMap<String, String>, Error> {
        let parameters = self.describe_parameters(names).await?;
        Ok(parameters
            .into_iter()
            .filter_map(|it| it.name.zip(it.value))
            .collect())
    }

    /// When the parameters were written last, the earliest of them; ten at most.
    pub(crate) async fn written_at(&self, names: &[&str]) -> Result<Option<DateTime>, Error> {
        let parameters = self.describe_parameters(names).await?;
        Ok(parameters.iter().filter_map(|it| it.last_modified_date).min())
    }

    async fn describe_parameters(&self, names: &[&str]) -> Result<Vec<Parameter>, Error> {
        let names = names.iter().map(|&name| name.to_owned()).collect();
        let request = self.ssm.get_parameters().set_names(Some(names));
        let answer = request.send().await.map_err(Error::of("ssm:GetParameters"))?;
        Ok(answer.parameters.unwrap_or_default())
    }

    /// Writes a parameter that Terraform has made.
    pub(crate) async fn put_parameter(&self, name: &str, value: &str) -> Result<(), Error> {
        let request = self.ssm.put_parameter().name(name).value(value);
        let request = request.r#type(ParameterType::String).overwrite(true);
        request.send().await.map_err(Error::of("ssm:PutParameter"))?;
        Ok(())
    }
}
