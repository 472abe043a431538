# What production is told of its account: whose images it runs.
registry = "444455556666.dkr.ecr.eu-west-1.amazonaws.com"
