# What fakecloud lacks, and nothing else: the rest of production is made in it as terraform.tfvars has it.
without = [
  "budget",      # it does not know the service
  "backup_copy", # it takes the wish to copy backups to another region and forgets it
]

# Nobody has made it there.
permissions_boundary = null

# An instance of it is a container, and not one that passes on what is not its own, so a gateway takes the instances' place.
network = {
  cidr        = "10.20.0.0/16"
  egress_mode = "nat_gateway_single"
}

# A test takes away what it has made.
protected = false
