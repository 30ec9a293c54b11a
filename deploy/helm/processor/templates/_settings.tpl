{{/* A value as the text of a variable: whole numbers stay whole, tables become JSON. */}}
{{- define "processor.text" -}}
{{- if kindIs "string" . }}{{ . }}{{ else }}{{ toJson . }}{{ end -}}
{{- end -}}

{{/* A duration in seconds, as a whole number, rounded up. */}}
{{- define "processor.seconds" -}}
{{- $text := include "processor.text" . | trim -}}
{{- $units := dict "ms" 0.001 "s" 1.0 "m" 60.0 "h" 3600.0 -}}
{{- $unit := regexFind "[a-z]+$" $text | default "s" -}}
{{- $number := regexFind "^[0-9]+(\\.[0-9]+)?" $text -}}
{{- if or (not $number) (not (hasKey $units $unit)) -}}
{{- fail (printf "\n  settings.kafka.drain_deadline is not a duration. Set it to seconds or a time such as 35s") -}}
{{- end -}}
{{- mulf (float64 $number) (get $units $unit) | ceil -}}
{{- end -}}

{{/* What a stop may take: the drain of what is in the air, then leaving the group and closing. */}}
{{- define "processor.gracePeriod" -}}
{{- add (include "processor.seconds" (.Values.settings.kafka.drain_deadline | default "35s") | int) 25 -}}
{{- end -}}

{{- define "processor.environment" -}}
{{- range $group, $content := .Values.settings }}
{{- if kindIs "map" $content }}
{{- range $name, $value := $content }}
{{- if not (kindIs "invalid" $value) }}
- name: {{ printf "PROCESSOR_%s__%s" (upper $group) (upper $name) }}
  value: {{ include "processor.text" $value | quote }}
{{- end }}
{{- end }}
{{- else if not (kindIs "invalid" $content) }}
- name: {{ printf "PROCESSOR_%s" (upper $group) }}
  value: {{ include "processor.text" $content | quote }}
{{- end }}
{{- end }}
{{- range $secret := include "processor.secrets" . | fromJsonArray }}
- name: {{ $secret.variable }}
  value: /run/secrets/processor/{{ $secret.volume }}/{{ $secret.key }}
{{- end }}
{{- if .Values.volume }}
- name: PROCESSOR_STATE_DIR
  value: /var/lib/processor
{{- end }}
{{- end -}}

{{/* The secrets that are given, as a JSON list. */}}
{{- define "processor.secrets" -}}
{{- $known := dict
  "roktApiKey" (dict "variable" "PROCESSOR_ROKT__API_KEY_FILE" "volume" "rokt-api-key")
  "kafkaProperties" (dict "variable" "PROCESSOR_KAFKA__PROPERTIES_FILE" "volume" "kafka-properties")
  "registryPassword" (dict "variable" "PROCESSOR_SCHEMA_REGISTRY__PASSWORD_FILE" "volume" "registry-password")
  "serverPassword" (dict "variable" "PROCESSOR_SERVER__PASSWORD_FILE" "volume" "server-password")
  "tracingHeaders" (dict "variable" "PROCESSOR_TRACING__HEADERS_FILE" "volume" "tracing-headers")
-}}
{{- $given := list -}}
{{- range $name, $where := $known -}}
{{- $secret := get $.Values.secrets $name | default dict -}}
{{- if $secret.name -}}
{{- $given = append $given (merge (dict "name" $secret.name "key" $secret.key) $where) -}}
{{- end -}}
{{- end -}}
{{- toJson $given -}}
{{- end -}}

{{/* The ports of addresses: of `host:port, host:port`, or of a URL. */}}
{{- define "processor.ports" -}}
{{- $ports := list -}}
{{- range $address := splitList "," (include "processor.addresses" .) -}}
{{- $scheme := regexFind "^[a-z]+://" $address -}}
{{- $host := trimPrefix $scheme $address | regexFind "^[^/]+" -}}
{{- $port := regexFind ":[0-9]+$" $host | trimPrefix ":" -}}
{{- $ports = append $ports ($port | default (eq $scheme "http://" | ternary "80" (eq $scheme "https://" | ternary "443" "9092"))) -}}
{{- end -}}
{{- $ports | uniq | join "," -}}
{{- end -}}

{{/* Addresses as the processor reads them, without blanks: other programs take those for names. */}}
{{- define "processor.addresses" -}}
{{- regexReplaceAll "[[:space:]]" . "" | lower -}}
{{- end -}}
