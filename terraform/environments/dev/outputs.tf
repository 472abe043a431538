output "platform" {
  description = "Everything that the module platform tells: the api's url, what the deploy program must know (deploy), secrets that wait for their values, and so on."
  value       = module.platform
}
