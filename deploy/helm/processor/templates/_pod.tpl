{{- define "processor.pod" -}}
metadata:
  labels:
    {{- include "processor.labels" . | nindent 4 }}
    {{- with .Values.podLabels }}{{ toYaml . | nindent 4 }}{{ end }}
  {{- with .Values.podAnnotations }}
  annotations: {{ toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ include "processor.serviceAccount" . }}
  automountServiceAccountToken: false
  # Other Services' variables could be taken for settings.
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ include "processor.gracePeriod" . }}
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
  containers:
    - name: processor
      image: {{ include "processor.image" . }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args: [run]
      env: {{ include "processor.environment" . | trim | nindent 8 }}
      ports:
        - name: http
          containerPort: {{ int .Values.settings.server.port }}
      # Alive from the first second on: it says so while it waits for Kafka, too. Neither an outage
      # of Kafka nor one of Rokt makes it otherwise.
      startupProbe: {{ include "processor.probe" (dict "path" "/livez" "period" 2 "failures" 30) | nindent 8 }}
      livenessProbe: {{ include "processor.probe" (dict "path" "/livez" "period" 10 "failures" 3) | nindent 8 }}
      # Once the ledgers of its partitions are read.
      readinessProbe: {{ include "processor.probe" (dict "path" "/readyz" "period" 5 "failures" 1) | nindent 8 }}
      resources: {{ toYaml .Values.resources | nindent 8 }}
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
        {{- if .Values.volume.enabled }}
        - name: state
          mountPath: /var/lib/processor
        {{- end }}
  volumes:
    - name: tmp
      emptyDir:
        sizeLimit: 64Mi
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
periodSeconds: {{ .period }}
timeoutSeconds: 3
failureThreshold: {{ .failures }}
{{- end -}}
