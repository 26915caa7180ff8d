package deploy

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/kubernetes/scheme"
)

var chartFolder = filepath.Join(root, "deploy/helm/refundry")

// least are values that a user must give.
func least() map[string]any {
	return map[string]any{
		"database": map[string]any{"url": "postgres://refundry@db/refundry"},
		"tls":      map[string]any{"secretName": "refundry-tls"},
	}
}

// with returns the least values and some more.
func with(more map[string]any) map[string]any {
	values := least()
	maps.Copy(values, more)
	return values
}

// render returns the objects that the chart makes, by file.
func render(t *testing.T, values map[string]any) (map[string]string, error) {
	t.Helper()
	chart, err := loader.LoadDir(chartFolder)
	if err != nil {
		t.Fatal(err)
	}
	all, err := chartutil.ToRenderValues(chart, values, chartutil.ReleaseOptions{Name: "live", Namespace: "money"}, chartutil.DefaultCapabilities)
	if err != nil {
		return nil, err
	}
	return engine.Render(chart, all)
}

// objects decodes what was rendered as strictly as Kubernetes does: a field that
// there is not is an error.
func objects(t *testing.T, values map[string]any) []runtime.Object {
	t.Helper()
	files, err := render(t, values)
	if err != nil {
		t.Fatal(err)
	}
	decoder := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	var made []runtime.Object
	for _, name := range slices.Sorted(maps.Keys(files)) {
		for _, text := range strings.Split(files[name], "\n---\n") {
			if strings.TrimSpace(text) == "" || strings.HasSuffix(name, "NOTES.txt") || strings.Contains(text, "monitoring.coreos.com") {
				continue
			}
			object, _, err := decoder.Decode([]byte(text), nil, nil)
			if err != nil {
				t.Errorf("%s: %v\n%s", name, err, text)
				continue
			}
			made = append(made, object)
		}
	}
	return made
}

func one[T runtime.Object](t *testing.T, made []runtime.Object) T {
	t.Helper()
	for _, object := range made {
		if found, ok := object.(T); ok {
			return found
		}
	}
	var none T
	t.Fatalf("there is no %T", none)
	return none
}

func TestTheChartPassesHelmsLint(t *testing.T) {
	result := lint.All(chartFolder, least(), "money", true)
	for _, message := range result.Messages {
		if message.Severity > support.InfoSev { // an icon is recommended
			t.Error(message)
		}
	}
}

func TestThePodsMayDoNothingThatTheyNeedNot(t *testing.T) {
	deployment := one[*apps.Deployment](t, objects(t, least()))
	pod := deployment.Spec.Template.Spec
	if len(pod.Containers) != 1 {
		t.Fatal("not one container")
	}
	c := pod.Containers[0]
	if s := c.SecurityContext; s == nil || !*s.ReadOnlyRootFilesystem || *s.AllowPrivilegeEscalation || !slices.Contains(s.Capabilities.Drop, "ALL") {
		t.Errorf("the container's security context is %+v", s)
	}
	if s := pod.SecurityContext; s == nil || !*s.RunAsNonRoot || *s.RunAsUser == 0 || s.SeccompProfile.Type != core.SeccompProfileTypeRuntimeDefault {
		t.Errorf("the pod's security context is %+v", s)
	}
	if pod.AutomountServiceAccountToken == nil || *pod.AutomountServiceAccountToken {
		t.Error("the pod has a token for Kubernetes's API")
	}
	if pod.TerminationGracePeriodSeconds == nil || *pod.TerminationGracePeriodSeconds < 65 {
		t.Error("a stop takes up to 60 s, and the pod is killed before")
	}
	if c.LivenessProbe.HTTPGet.Path != "/healthz" || c.ReadinessProbe.HTTPGet.Path != "/readyz" || c.StartupProbe == nil {
		t.Errorf("probes: %v %v", c.LivenessProbe, c.ReadinessProbe)
	}
	var names []string
	for _, variable := range c.Env {
		names = append(names, variable.Name)
	}
	checkSettings(t, names)
}

func TestEveryMountHasItsVolume(t *testing.T) {
	for name, values := range map[string]map[string]any{
		"with a certificate": least(),
		"behind a proxy":     with(map[string]any{"tls": map[string]any{"secretName": ""}, "trustedProxies": []any{"10.0.0.0/8"}}),
	} {
		t.Run(name, func(t *testing.T) {
			pod := one[*apps.Deployment](t, objects(t, values)).Spec.Template.Spec
			mounts := map[string]string{}
			for _, mount := range pod.Containers[0].VolumeMounts {
				mounts[mount.Name] = mount.MountPath
			}
			for _, volume := range pod.Volumes {
				if mounts[volume.Name] == "" {
					t.Errorf("the volume %s is mounted nowhere", volume.Name)
				}
				delete(mounts, volume.Name)
			}
			if len(mounts) > 0 {
				t.Errorf("mounts without a volume: %v", mounts)
			}
			for _, variable := range pod.Containers[0].Env {
				if strings.HasSuffix(variable.Name, "PASSWORD") || strings.HasSuffix(variable.Name, "_KEY") && !strings.HasPrefix(variable.Value, "/") {
					t.Errorf("%s is a secret in a variable, where every process's list shows it", variable.Name)
				}
			}
		})
	}
}

func TestProbesSpeakTLSWhereTheServiceDoes(t *testing.T) {
	scheme := func(values map[string]any) core.URIScheme {
		return one[*apps.Deployment](t, objects(t, values)).Spec.Template.Spec.Containers[0].ReadinessProbe.HTTPGet.Scheme
	}
	if got := scheme(least()); got != core.URISchemeHTTPS {
		t.Errorf("with a certificate: %s", got)
	}
	behind := with(map[string]any{"tls": map[string]any{"secretName": ""}, "trustedProxies": []any{"10.0.0.0/8", "fd00::/8"}})
	if got := scheme(behind); got != core.URISchemeHTTP {
		t.Errorf("behind a proxy: %s", got)
	}
}

func TestReplicasAreKeptWhileNodesAreDrained(t *testing.T) {
	made := objects(t, least())
	budget, deployment := one[*policy.PodDisruptionBudget](t, made), one[*apps.Deployment](t, made)
	for name, value := range budget.Spec.Selector.MatchLabels {
		if deployment.Spec.Template.Labels[name] != value {
			t.Errorf("the budget selects %s=%s, which the pods don't have", name, value)
		}
	}
	for _, object := range objects(t, with(map[string]any{"replicaCount": 1})) {
		if _, ok := object.(*policy.PodDisruptionBudget); ok {
			t.Error("a budget for one pod keeps its node from ever being drained")
		}
	}
}

func TestMetricsAreForTheNamespaceAlone(t *testing.T) {
	network := one[*networking.NetworkPolicy](t, objects(t, least()))
	for _, rule := range network.Spec.Ingress {
		if rule.Ports[0].Port.StrVal == "metrics" && len(rule.From) == 0 {
			t.Error("everybody may read metrics and profiles")
		}
	}
	if slices.Contains(network.Spec.PolicyTypes, networking.PolicyTypeEgress) {
		t.Error("without a list of networks nothing could be called")
	}
	some := with(map[string]any{"networkPolicy": map[string]any{"egress": []any{map[string]any{"ports": []any{map[string]any{"port": 5432}}}}}})
	if got := one[*networking.NetworkPolicy](t, objects(t, some)); len(got.Spec.Egress) != 1 || len(got.Spec.PolicyTypes) != 2 {
		t.Errorf("egress: %+v", got.Spec)
	}
}

func TestTheServiceMonitorIsMadeWhereItIsAskedFor(t *testing.T) {
	for asked, want := range map[bool]bool{false: false, true: true} {
		files, err := render(t, with(map[string]any{"serviceMonitor": map[string]any{"enabled": asked, "labels": map[string]any{"release": "prometheus"}}}))
		if err != nil {
			t.Fatal(err)
		}
		made := strings.Contains(files["refundry/templates/servicemonitor.yaml"], "kind: ServiceMonitor")
		if made != want {
			t.Errorf("asked %t, made %t", asked, made)
		}
	}
}

func TestValuesThatCantWorkAreRefused(t *testing.T) {
	tests := map[string]struct {
		values map[string]any
		says   string
	}{
		"no database":              {map[string]any{"tls": map[string]any{"secretName": "x"}}, "database"},
		"a SQLite file":            {with(map[string]any{"database": map[string]any{"url": "sqlite:/data/refundry.db"}}), "database"},
		"a password in the URL":    {with(map[string]any{"database": map[string]any{"url": "postgres://refundry:secret@db/refundry"}}), "database"},
		"keys in the clear":        {with(map[string]any{"tls": map[string]any{"secretName": ""}}), "keys would travel in the clear"},
		"no replica":               {with(map[string]any{"replicaCount": 0}), "replicaCount"},
		"a name that is not there": {with(map[string]any{"replicas": 3}), "replicas"},
		"a proxy without a mask":   {with(map[string]any{"trustedProxies": []any{"10.0.0.1"}}), "trustedProxies"},
		"a path in the address":    {with(map[string]any{"publicURL": "https://refunds.example/api"}), "publicURL"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := render(t, test.values)
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("the error is %v, without %q", err, test.says)
			}
		})
	}
}

func TestSettingsReachTheProgram(t *testing.T) {
	deployment := one[*apps.Deployment](t, objects(t, with(map[string]any{
		"trustedProxies": []any{"10.0.0.0/8", "fd00::/8"}, "egressAllow": []any{"10.1.0.0/16"}, "publicURL": "https://refunds.example",
		"extraEnv": []any{map[string]any{"name": "OTEL_EXPORTER_OTLP_ENDPOINT", "value": "http://otel:4318"}},
	})))
	got := map[string]string{}
	for _, variable := range deployment.Spec.Template.Spec.Containers[0].Env {
		got[variable.Name] = variable.Value
	}
	for name, want := range map[string]string{
		"REFUNDRY_TRUSTED_PROXY": "10.0.0.0/8,fd00::/8", "REFUNDRY_EGRESS_ALLOW": "10.1.0.0/16", "REFUNDRY_PUBLIC_URL": "https://refunds.example",
		"OTEL_EXPORTER_OTLP_ENDPOINT": "http://otel:4318", "REFUNDRY_DATABASE": "postgres://refundry@db/refundry",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, not %q", name, got[name], want)
		}
	}
}
