package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// pingppReleases are folders of node_modules: 2.1.6, and 2.0.7, which signs the
// body alone and sends no timestamp.
var pingppReleases = []string{"pingpp", "pingpp-2-0-7"}

// The official Node clients from npm, unmodified, with only their host changed; pingpp/client.mjs says what is shown. `make setup-e2e` installs it,
// and a machine without it fails: a client that is not run proves nothing.
func TestTheOfficialPingppClients(t *testing.T) {
	for _, release := range pingppReleases {
		if _, err := os.Stat("node_modules/" + release + "/package.json"); err != nil {
			t.Fatalf("%v (hint: make setup-e2e)", err)
		}
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatalf("%v (hint: make setup-e2e)", err)
	}
	for _, engine := range engines {
		t.Run(engine.name, func(t *testing.T) {
			t.Parallel()
			for _, release := range pingppReleases {
				t.Run(release, func(t *testing.T) { speakPingpp(t, engine.open(t), node, release) })
			}
		})
	}
}

// speakPingpp runs the client of one release against a service of its own.
func speakPingpp(t *testing.T, database, node, release string) {
	t.Helper()
	p := Start(t, database, t.TempDir(), "--egress-allow", "127.0.0.0/8")
	ctx, cancel := context.WithTimeout(t.Context(), endTimeout)
	defer cancel()
	client := exec.CommandContext(ctx, node, "pingpp/client.mjs")
	client.Env = append(os.Environ(), "REFUNDRY_URL="+p.URL, "REFUNDRY_DEMO_DIR="+filepath.Join(p.Data, "demo"), "REFUNDRY_CLIENT="+release)
	if text, err := client.CombinedOutput(); err != nil {
		t.Errorf("client: %v\n%s", err, text)
	}
	p.Stop(t)
	Verify(t, database)
}
