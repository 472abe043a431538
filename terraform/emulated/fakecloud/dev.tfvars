# What fakecloud lacks, and nothing else: the rest of development is made in it as terraform.tfvars has it.
without = [
  "waf",    # development has none
  "budget", # it does not know the service
]
