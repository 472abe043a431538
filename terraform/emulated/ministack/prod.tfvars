# What ministack lacks, and nothing else: the rest of production is made in it as terraform.tfvars has it.
without = [
  "autoscaling", # it does not know the service
  "canary",      # nor CodeDeploy
  "waf_logs",    # a firewall's log is answered as if there were none
  "network_acl", # its list of a subnet's access lists is wrong once one is attached
  "backup_copy", # it copies no backups to another region
]

# It has no call that lets an instance pass on what is not its own, so a gateway takes the instances' place.
network = {
  cidr        = "10.20.0.0/16"
  egress_mode = "nat_gateway_single"
}

# Nobody has made it there.
permissions_boundary = null

# A test takes away what it has made.
protected = false
