{{- define "processor.name" -}}
{{- $name := contains .Chart.Name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) -}}
{{- $name | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- define "processor.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* What the pod of `helm test` is called, so that it is no member. */}}
{{- define "processor.checkName" -}}
{{ .Chart.Name }}-check
{{- end -}}

{{/* What the pod of the runbook's commands is called, which is no member either. */}}
{{- define "processor.toolboxName" -}}
{{ .Chart.Name }}-toolbox
{{- end -}}

{{- define "processor.labels" -}}
{{ include "processor.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{/* The labels of a root `at`, and more of them: `more` wins, and none is there twice. */}}
{{- define "processor.labelled" -}}
{{ include "processor.labels" .at | fromYaml | merge (deepCopy (.more | default dict)) | toYaml }}
{{- end -}}

{{- define "processor.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{ .Values.serviceAccount.name | default (include "processor.name" .) }}
{{- else -}}
{{ .Values.serviceAccount.name | default "default" }}
{{- end -}}
{{- end -}}

{{- define "processor.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end -}}
{{- end -}}

{{- define "processor.kind" -}}
{{ .Values.volume.enabled | ternary "StatefulSet" "Deployment" }}
{{- end -}}

{{/* The headless Service, without which neither a StatefulSet nor a ServiceMonitor can be. */}}
{{- define "processor.hasService" -}}
{{- if or .Values.volume.enabled (eq .Values.monitor.kind "service") }}yes{{ end -}}
{{- end -}}
