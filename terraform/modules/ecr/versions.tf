terraform {
  required_version = ">= 1.11, < 2.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
      # The region that gets copies, if any does.
      configuration_aliases = [aws.dr]
    }
  }
}
