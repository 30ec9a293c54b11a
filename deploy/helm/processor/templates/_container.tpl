{{/* What all pods share: who they are, and what is mounted. */}}
{{- define "processor.identity" -}}
serviceAccountName: {{ include "processor.serviceAccount" . }}
automountServiceAccountToken: false
# Other Services' variables could be taken for settings.
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end -}}

{{- define "processor.container" -}}
name: processor
image: {{ include "processor.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
env: {{ include "processor.environment" . | trim | nindent 2 }}
resources: {{ toYaml .Values.resources | nindent 2 }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
volumeMounts:
  - name: tmp
    mountPath: /tmp
  {{- range $secret := include "processor.secrets" . | fromJsonArray }}
  - name: {{ $secret.volume }}
    mountPath: /run/secrets/processor/{{ $secret.volume }}
    readOnly: true
  {{- end }}
  {{- range .Values.files }}
  - name: file-{{ .name }}
    mountPath: /etc/processor/{{ .name }}
    readOnly: true
  {{- end }}
  {{- if .Values.volume }}
  - name: state
    mountPath: /var/lib/processor
  {{- end }}
{{- end -}}

{{- define "processor.volumes" -}}
- name: tmp
  emptyDir:
    sizeLimit: {{ .tmp | default "64Mi" }}
# Whole Secrets, not single files of them: only so a changed key arrives in a running pod.
{{- range $secret := include "processor.secrets" . | fromJsonArray }}
- name: {{ $secret.volume }}
  secret:
    secretName: {{ $secret.name }}
    defaultMode: 0440
    items:
      - key: {{ $secret.key }}
        path: {{ $secret.key }}
{{- end }}
{{- range .Values.files }}
- name: file-{{ .name }}
  {{- if .secret }}
  secret:
    secretName: {{ .secret }}
    defaultMode: 0440
  {{- else }}
  configMap:
    name: {{ .configMap }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* The ledger's place where no volume is claimed: it outlives the container, not the pod. */}}
{{- define "processor.state" -}}
- name: state
  emptyDir:
    sizeLimit: {{ .Values.volume.size | default "10Gi" }}
{{- end -}}
