package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The official Node client 2.1.6 from npm, unmodified, with only its host
// changed; pingpp/client.mjs says what is shown. `make setup-e2e` installs it,
// and a machine without it fails: a client that is not run proves nothing.
func TestTheOfficialPingppClient(t *testing.T) {
	if _, err := os.Stat("node_modules/pingpp/package.json"); err != nil {
		t.Fatalf("%v (hint: make setup-e2e)", err)
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatalf("%v (hint: make setup-e2e)", err)
	}
	for _, engine := range engines {
		t.Run(engine.name, func(t *testing.T) {
			t.Parallel()
			database := engine.open(t)
			p := Start(t, database, t.TempDir(), "--egress-allow", "127.0.0.0/8")
			ctx, cancel := context.WithTimeout(t.Context(), endTimeout)
			defer cancel()
			client := exec.CommandContext(ctx, node, "pingpp/client.mjs")
			client.Env = append(os.Environ(), "REFUNDRY_URL="+p.URL, "REFUNDRY_DEMO_DIR="+filepath.Join(p.Data, "demo"))
			if text, err := client.CombinedOutput(); err != nil {
				t.Errorf("client: %v\n%s", err, text)
			}
			p.Stop(t)
			Verify(t, database)
		})
	}
}
