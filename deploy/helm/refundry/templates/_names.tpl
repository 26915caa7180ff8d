{{/* What objects of a release are called, and how they find each other. */}}
{{- define "refundry.name" -}}
{{- if contains "refundry" .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-refundry" .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "refundry.selector" -}}
app.kubernetes.io/name: refundry
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "refundry.labels" -}}
{{ include "refundry.selector" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}
