package e2e

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/refundry/refundry/store/storetest"
)

// The master key is replaced while two processes serve, by a command that is killed
// in the middle and run again. They go on, merchants are made meanwhile, and then the
// old key opens nothing.
func TestTheMasterKeyIsReplacedWhileTheServiceRuns(t *testing.T) {
	t.Parallel()
	database, data := storetest.EmptyPostgres(t), t.TempDir()
	replicas := []*Process{Start(t, database, data), Start(t, database, data)}
	charge := registerCharge(t, replicas[0].URL, "master-1", 1000)
	file := filepath.Join(data, "master.key")
	old, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	flags := []string{"--database", database, "--data", data}
	made := 0
	use := func() {
		t.Helper()
		made++
		for _, p := range replicas {
			refundOf(t, p.URL, charge, 1, fmt.Sprint("M", made, p.URL))
		}
		// The endpoint's secret is sealed by the process that makes it.
		body := fmt.Sprintf(`{"url": "https://shop%d.example.com/hook", "dialect": "native", "events": []}`, made)
		if status, text := Call(t, http.MethodPost, replicas[made%2].URL+"/refundry/v1/endpoints", body); status != http.StatusCreated {
			t.Errorf("an endpoint: %d %s", status, text)
		}
		if _, stderr, status := Run(t, append([]string{"merchant", "add", fmt.Sprint("shop ", made)}, flags...)...); status != 0 {
			t.Errorf("a merchant: %s", stderr)
		}
	}
	use()
	first := exec.Command(Binary(t), append([]string{"key", "rotate", "--master"}, flags...)...)
	var said logged
	first.Stderr = &said
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	Until(t, "values are sealed anew", func() bool { return strings.Contains(said.String(), "sealed anew") })
	use()
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait()
	use()
	if stdout, _, _ := Run(t, append([]string{"doctor"}, flags...)...); !strings.Contains(stdout, "was begun and not ended") {
		t.Errorf("doctor does not say so:\n%s", stdout)
	}
	stdout, stderr, status := Run(t, append([]string{"key", "rotate", "--master"}, flags...)...)
	if status != 0 {
		t.Fatalf("the second run: %s", stderr)
	}
	use()
	next := strings.TrimSpace(stdout)
	if stdout, _, _ := Run(t, append([]string{"doctor"}, flags...)...); !strings.Contains(stdout, " under "+next) || strings.Contains(stdout, "not ended") {
		t.Errorf("doctor says:\n%s", stdout)
	}
	for _, p := range replicas {
		p.Stop(t)
	}
	now, err := os.ReadFile(file)
	if err != nil || bytes.Equal(now, old) || bytes.Count(bytes.TrimSpace(now), []byte("\n")) != 0 {
		t.Errorf("the file has %d bytes, %v", len(now), err)
	}
	aside := filepath.Join(t.TempDir(), "old.key")
	if err := os.WriteFile(aside, old, 0o600); err != nil {
		t.Fatal(err)
	}
	third := filepath.Join(t.TempDir(), "third.key")
	if err := os.WriteFile(third, []byte(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{9}, 32))), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]string{"the old key": aside, "a wrong one": third} {
		if _, stderr, status := Run(t, "key", "list", "--platform", "--database", database, "--data", t.TempDir(), "--master-key-file", key); status != 1 || !strings.Contains(stderr, "hint:") {
			t.Errorf("%s: exit %d, %s", name, status, stderr)
		}
		if _, _, status := Run(t, "key", "rotate", "--master", "--new-master-key-file", third, "--database", database, "--data", t.TempDir(), "--master-key-file", key); status != 1 {
			t.Errorf("a rotation from %s: exit %d", name, status)
		}
	}
	replicas = []*Process{Start(t, database, data), Start(t, database, data)}
	use()
	for _, p := range replicas {
		p.Stop(t)
	}
	Verify(t, database)
}
