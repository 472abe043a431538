# A bucket that the world may read.
resource "aws_s3_bucket" "sample" {
  bucket = "sample"
  acl    = "public-read"
}

# What stays must say why.
resource "aws_sqs_queue" "sample" {
  #checkov:skip=CKV_AWS_27
  name = "sample"
}
