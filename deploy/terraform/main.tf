# Deploys the chart of deploy/helm into a namespace, with the secret that it reads.
terraform {
  required_version = ">= 1.5"
  required_providers {
    helm       = { source = "hashicorp/helm", version = ">= 2.12, < 3.0" }
    kubernetes = { source = "hashicorp/kubernetes", version = ">= 2.25" }
  }
}

variable "name" {
  description = "Name of the release."
  type        = string
  default     = "connectors"
}

variable "namespace" {
  description = "Namespace to deploy into; it must exist."
  type        = string
}

variable "image" {
  description = "Image without its tag."
  type        = string
}

variable "tag" {
  description = "Tag of the image; the chart's version by default."
  type        = string
  default     = ""
}

variable "config" {
  description = "The configuration file. Secrets stay out of it: write $${env:NAME} and give NAME in secrets."
  type        = string
}

variable "secrets" {
  description = "Environment variables that the configuration refers to: DATABASE_URL, VAULT_KEY, FINGERPRINT_KEY, tokens."
  type        = map(string)
  sensitive   = true
}

variable "values" {
  description = "Further values of the chart, as YAML documents."
  type        = list(string)
  default     = []
}

resource "kubernetes_secret" "connectors" {
  metadata {
    name      = var.name
    namespace = var.namespace
  }
  data = var.secrets
}

resource "helm_release" "connectors" {
  name      = var.name
  namespace = var.namespace
  chart     = "${path.module}/../helm/connectors"
  wait      = true

  values = concat([
    yamlencode({
      image          = { repository = var.image, tag = var.tag }
      config         = var.config
      existingSecret = kubernetes_secret.connectors.metadata[0].name
    })
  ], var.values)
}

output "service" {
  description = "Name of the gateway's service."
  value       = helm_release.connectors.name
}
