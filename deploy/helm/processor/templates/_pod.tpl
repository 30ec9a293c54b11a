{{- define "processor.pod" -}}
metadata:
  labels: {{ include "processor.labelled" (dict "at" . "more" .Values.podLabels) | nindent 4 }}
  {{- with .Values.podAnnotations }}
  annotations: {{ toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- include "processor.identity" . | nindent 2 }}
  terminationGracePeriodSeconds: {{ include "processor.gracePeriod" . }}
  containers:
    - args: [run]
      {{- include "processor.container" . | nindent 6 }}
      ports:
        - name: http
          containerPort: {{ int .Values.settings.server.port }}
      # Alive from the first second on: it says so while it waits for Kafka, too. Neither an outage
      # of Kafka nor one of Rokt makes it otherwise.
      startupProbe: {{ include "processor.probe" (dict "path" "/livez" "period" 2 "failures" 30 "server" .Values.settings.server) | nindent 8 }}
      livenessProbe: {{ include "processor.probe" (dict "path" "/livez" "period" 10 "failures" 3 "server" .Values.settings.server) | nindent 8 }}
      # Once the ledgers of its partitions are read.
      readinessProbe: {{ include "processor.probe" (dict "path" "/readyz" "period" 5 "failures" 1 "server" .Values.settings.server) | nindent 8 }}
  volumes:
    {{- include "processor.volumes" . | nindent 4 }}
    {{- if not .Values.volume.enabled }}
    {{- include "processor.state" . | nindent 4 }}
    {{- end }}
  {{- with .Values.topologySpread }}
  topologySpreadConstraints:
    {{- range $key := .keys }}
    - topologyKey: {{ $key }}
      maxSkew: 1
      whenUnsatisfiable: {{ $.Values.topologySpread.whenUnsatisfiable }}
      labelSelector:
        matchLabels: {{ include "processor.selector" $ | nindent 10 }}
    {{- end }}
  {{- end }}
  {{- range $name := list "nodeSelector" "tolerations" "affinity" "priorityClassName" }}
  {{- with get $.Values $name }}
  {{ $name }}: {{ toYaml . | nindent 4 }}
  {{- end }}
  {{- end }}
{{- end -}}

{{- define "processor.probe" -}}
httpGet:
  path: {{ .path }}
  port: http
  {{- if .server.certificate_file }}
  scheme: HTTPS
  {{- end }}
periodSeconds: {{ .period }}
timeoutSeconds: 3
failureThreshold: {{ .failures }}
{{- end -}}
