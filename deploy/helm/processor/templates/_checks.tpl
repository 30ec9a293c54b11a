{{/* Everything that is wrong with the values, at once, each with its remedy. */}}
{{- define "processor.checks" -}}
{{- $v := .Values -}}
{{- $problems := list -}}
{{- range $name, $meaning := dict
  "settings.kafka.bootstrap_servers" "the brokers to start from, such as broker-1:9092"
  "settings.schema_registry.url" "the registry's address, such as https://registry:8081"
  "settings.rokt.base_url" "the address that Rokt gave to you"
  "settings.rokt.tag_id" "the tag id that Rokt gave to you"
  "secrets.roktApiKey.name" "a Secret that holds the API key"
  "image.repository" "where you have pushed the image: none is published"
-}}
{{- $value := $v -}}
{{- range $part := splitList "." $name -}}{{- $value = get ($value | default dict) $part -}}{{- end -}}
{{- if not $value -}}
{{- $problems = append $problems (printf "%s is not set. Set it to %s" $name $meaning) -}}
{{- end -}}
{{- end -}}
{{- if regexMatch "^(127\\.|::1$|localhost$)" $v.settings.server.host -}}
{{- $problems = append $problems "settings.server.host is a loopback address, where neither probes nor scrapes arrive. Leave it at 0.0.0.0, or set it to :: for IPv6" -}}
{{- end -}}
{{- $partitions := int $v.partitions -}}
{{- if and (not $v.keda.enabled) (gt (int $v.replicas) $partitions) -}}
{{- $problems = append $problems (printf "replicas is %d, but only %d members have work. Set it to partitions or less, or mend partitions" (int $v.replicas) $partitions) -}}
{{- end -}}
{{- if $v.keda.enabled -}}
{{- $most := int ($v.keda.maxReplicas | default $partitions) -}}
{{- if gt $most $partitions -}}
{{- $problems = append $problems (printf "keda.maxReplicas is %d, but only %d members have work. Set it to partitions or less, or mend partitions" $most $partitions) -}}
{{- end -}}
{{- if gt (int $v.keda.minReplicas) $most -}}
{{- $problems = append $problems (printf "keda.minReplicas is %d, above the most there may be, %d. Set it to that or less" (int $v.keda.minReplicas) $most) -}}
{{- end -}}
{{- end -}}
{{- $properties := $v.settings.kafka.properties | default dict -}}
{{- if and $properties $v.secrets.kafkaProperties.name -}}
{{- $problems = append $problems "settings.kafka.properties and secrets.kafkaProperties are both set. Put all properties into the Secret" -}}
{{- end -}}
{{- $harmless := .Files.Get "files/properties.json" | fromJson -}}
{{- range $name, $_ := $properties -}}
{{- $shows := has $name $harmless.names -}}
{{- range $family := $harmless.families -}}{{- if hasPrefix $family $name -}}{{- $shows = true -}}{{- end -}}{{- end -}}
{{- if not $shows -}}
{{- $problems = append $problems (printf "settings.kafka.properties holds %s, which may be a secret. Put all properties into a Secret, and name that in secrets.kafkaProperties" $name) -}}
{{- end -}}
{{- if eq $name "group.instance.id" -}}
{{- $problems = append $problems "settings.kafka.properties holds group.instance.id. Leave it out: a member of that name would take over without a drain" -}}
{{- end -}}
{{- end -}}
{{- if and $v.secrets.registryPassword.name (not $v.settings.schema_registry.username) -}}
{{- $problems = append $problems "secrets.registryPassword is set without settings.schema_registry.username. Set both, or neither" -}}
{{- end -}}
{{- $server := $v.settings.server -}}
{{- if ne (not $v.secrets.serverPassword.name) (not $server.username) -}}
{{- $problems = append $problems "only one of secrets.serverPassword and settings.server.username is set. Set both, or neither" -}}
{{- end -}}
{{- if ne (not $server.certificate_file) (not $server.key_file) -}}
{{- $problems = append $problems "only one of settings.server.certificate_file and settings.server.key_file is set. Set both, to files that `files` mounts, or neither" -}}
{{- end -}}
{{- if and (ne $v.monitor.kind "none") $server.certificate_file (not $v.monitor.tlsConfig) -}}
{{- $problems = append $problems "monitor.tlsConfig is not set, though members speak TLS. Say in it whom Prometheus is to trust (ca, serverName), as the operator has it" -}}
{{- end -}}
{{- if and (ne $v.monitor.kind "none") $v.secrets.serverPassword.name (not $v.monitor.basicAuth) -}}
{{- $problems = append $problems "monitor.basicAuth is not set, though members ask for a password. Name the keys of a Secret in it (username, password), as the operator has it" -}}
{{- end -}}
{{- if and $v.secrets.tracingHeaders.name (not ($v.settings.tracing | default dict).endpoint) -}}
{{- $problems = append $problems "secrets.tracingHeaders is set without settings.tracing.endpoint. Set both, or neither" -}}
{{- end -}}
{{- range $name, $address := dict
  "settings.kafka.bootstrap_servers" $v.settings.kafka.bootstrap_servers
  "settings.schema_registry.url" $v.settings.schema_registry.url
  "settings.rokt.base_url" $v.settings.rokt.base_url
  "settings.tracing.endpoint" ($v.settings.tracing | default dict).endpoint
-}}
{{- if contains "@" (toString $address) -}}
{{- $problems = append $problems (printf "%s holds an @, so perhaps a password. Take it out: names and passwords have settings and secrets of their own" $name) -}}
{{- end -}}
{{- end -}}
{{- if and $v.secrets.kafkaProperties.name $v.keda.enabled (not $v.keda.authentication) -}}
{{- $problems = append $problems "keda.enabled is set without keda.authentication, though your brokers ask who is there (secrets.kafkaProperties). Set it to a TriggerAuthentication whose user has the role `scale` of `processor topics acls`" -}}
{{- end -}}
{{- if and $v.toolbox.enabled $v.secrets.kafkaProperties.name (not $v.toolbox.kafkaProperties.name) -}}
{{- $problems = append $problems "toolbox.kafkaProperties.name is not set, though secrets.kafkaProperties.name is. Set it to a Secret with a user that has the roles `look-back`, `copy` and `accept-gap` of `processor topics acls`, which members have not" -}}
{{- end -}}
{{- if and $v.toolbox.kafkaProperties.name $properties -}}
{{- $problems = append $problems "settings.kafka.properties and toolbox.kafkaProperties are both set. Put all properties into Secrets" -}}
{{- end -}}
{{- if and (ne $v.monitor.kind "none") $v.networkPolicy.enabled (not $v.networkPolicy.from) -}}
{{- $problems = append $problems (printf "monitor.kind is %s, but networkPolicy.from lets nobody in. Set it to where your Prometheus runs, or to anywhere" $v.monitor.kind) -}}
{{- end -}}
{{- $own := include "processor.labels" . | fromYaml -}}
{{- range $name, $_ := $v.podLabels -}}
{{- if hasKey $own $name -}}
{{- $problems = append $problems (printf "podLabels holds %s, which the chart sets. Leave it out" $name) -}}
{{- end -}}
{{- end -}}
{{- $names := list -}}
{{- range $file := $v.files -}}
{{- if eq (not $file.secret) (not $file.configMap) -}}
{{- $problems = append $problems (printf "files: %s needs either secret or configMap. Set one of them" $file.name) -}}
{{- end -}}
{{- if has $file.name $names -}}
{{- $problems = append $problems (printf "files: %s is there twice. Give each a name of its own" $file.name) -}}
{{- end -}}
{{- $names = append $names $file.name -}}
{{- end -}}
{{- if $problems -}}
{{- fail (printf "\n  - %s" (join "\n  - " $problems)) -}}
{{- end -}}
{{- end -}}
