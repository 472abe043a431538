# The bucket, its region and its key are the account's: `terraform init -backend-config=backend.hcl`, see the README.
terraform {
  backend "s3" {
    key          = "environments/dev/terraform.tfstate"
    encrypt      = true
    use_lockfile = true
  }
}
