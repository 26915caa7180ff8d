package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/refundry/refundry/channel/alipay/alipaytest"
	wire "github.com/refundry/refundry/wire/alipay"
	"github.com/refundry/refundry/wire/pemkey"
)

// smartwalle/alipay 3.2.30, an Alipay client that others wrote, unmodified: what it
// signs we sign alike, byte for byte; it believes the answers and notices of the fake
// that the connector is tested against, and names certificates as we do, those that
// Alipay has issued too. It is a module of its own.
func TestAnAlipayClientOfOthersAgrees(t *testing.T) {
	client := filepath.Join(t.TempDir(), "client")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", client, ".")
	build.Dir = "smartwalle"
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, text)
	}
	key, err := pemkey.ParseRSAPrivateKey(alipaytest.File("app_key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	for mode, certificates := range map[string]bool{"key mode": false, "certificate mode": true} {
		t.Run(mode, func(t *testing.T) {
			fake := alipaytest.New(t, certificates)
			run := peer(t, client, fake.URL)
			if certificates {
				run.Env = append(run.Env, "ALIPAY_APP_CERT="+alipaytest.File("app_cert.pem"), "ALIPAY_CERT="+alipaytest.File("alipay_cert.pem"), "ALIPAY_ROOT_CERT="+alipaytest.File("root_cert.pem"))
			} else {
				run.Env = append(run.Env, "ALIPAY_PUBLIC_KEY="+alipaytest.File("alipay_public.pem"))
			}
			run.Stdin = strings.NewReader(fake.Notice("peer1", nil).Encode() + "\n" + fake.Message("peer1", "F", false, nil).Encode() + "\n")
			if text, err := run.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			if len(fake.Seen) != 2 || fake.Entries["peer1"] == nil || fake.Entries["peer1"].Fen != 50 {
				t.Fatalf("%d requests, entries %v", len(fake.Seen), fake.Entries)
			}
			for _, form := range fake.Seen {
				params := wire.Params{}
				for name := range form {
					params[name] = form.Get(name)
				}
				if signed, err := pemkey.SignSHA256(key, []byte(params.Canonical("sign"))); err != nil || signed != params["sign"] {
					t.Errorf("%s: we sign %s, %v; it signs %s", params["method"], signed, err, params["sign"])
				}
			}
		})
	}
	t.Run("certificates that Alipay has issued", func(t *testing.T) { peerNames(t, client) })
}

func peer(t *testing.T, client, gateway string, args ...string) *exec.Cmd {
	t.Helper()
	run := exec.CommandContext(t.Context(), client, args...)
	run.Env = append(os.Environ(), "ALIPAY_GATEWAY="+gateway, "ALIPAY_APP_ID="+alipaytest.AppID, "ALIPAY_APP_KEY="+alipaytest.File("app_key.pem"), "ALIPAY_ORDER="+alipaytest.OrderNo)
	return run
}

// peerNames compares the names of Alipay's own certificates, which come with the client.
func peerNames(t *testing.T, client string) {
	list := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/smartwalle/alipay/v3")
	list.Dir = "smartwalle"
	dir, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	text := func(name string) string {
		data, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), name))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	run := peer(t, client, "http://127.0.0.1:1", "names")
	run.Env = append(run.Env, "ALIPAY_APP_CERT="+text("appPublicCert.crt"), "ALIPAY_CERT="+text("alipayPublicCert.crt"), "ALIPAY_ROOT_CERT="+text("alipayRootCert.crt"))
	names, err := run.Output()
	if err != nil {
		t.Fatal(err)
	}
	certificate, _, err := pemkey.ParseRSACertificate(text("appPublicCert.crt"))
	if err != nil {
		t.Fatal(err)
	}
	roots, err := wire.ParseRoots(text("alipayRootCert.crt"))
	if err != nil {
		t.Fatal(err)
	}
	if ours := wire.CertSN(certificate) + " " + roots.SN; ours != strings.TrimSpace(string(names)) {
		t.Errorf("we say %s, it says %s", ours, names)
	}
	all, err := pemkey.ParseRSACertificates(text("alipayPublicCert.crt"))
	if err != nil {
		t.Fatal(err)
	}
	own, issuers := wire.SplitChain(all)
	if len(own) != 1 || len(issuers) != 1 {
		t.Fatalf("%d certificates and %d issuers", len(own), len(issuers))
	}
	if err := wire.CheckIssued(own[0], issuers, own[0].NotBefore); err != nil {
		t.Errorf("Alipay's certificate and its issuer: %v", err)
	}
}
