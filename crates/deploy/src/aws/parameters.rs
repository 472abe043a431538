//! Parameters in SSM.

use std::collections::BTreeMap;

use aws_sdk_ssm::types::ParameterType;

use super::{Aws, Error};

impl Aws {
    /// The parameters that there are, by name: ten at most.
    pub(crate) async fn parameters(&self, names: &[&str]) -> Result<BTreeMap<String, String>, Error> {
        let names = names.iter().map(|&name| name.to_owned()).collect();
        let request = self.ssm.get_parameters().set_names(Some(names));
        let answer = request.send().await.map_err(Error::of("ssm:GetParameters"))?;
        let parameters = answer.parameters.unwrap_or_default();
        Ok(parameters
            .into_iter()
            .filter_map(|it| it.name.zip(it.value))
            .collect())
    }

    /// Writes a parameter that Terraform has made.
    pub(crate) async fn put_parameter(&self, name: &str, value: &str) -> Result<(), Error> {
        let request = self.ssm.put_parameter().name(name).value(value);
        let request = request.r#type(ParameterType::String).overwrite(true);
        request.send().await.map_err(Error::of("ssm:PutParameter"))?;
        Ok(())
    }
}
