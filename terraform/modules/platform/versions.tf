terraform {
  required_version = ">= 1.11, < 2.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
      # The second region, where copies of backups and of secrets are kept.
      configuration_aliases = [aws.dr]
    }
  }
}
