# What ministack lacks, and nothing else: the rest of development is made in it as terraform.tfvars has it.
without = [
  "waf",         # development has none
  "autoscaling", # it does not know the service
  "network_acl", # its list of a subnet's access lists is wrong once one is attached
]
