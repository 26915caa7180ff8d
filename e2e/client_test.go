package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// runClient runs a script that drives official clients against a service on
// each engine, and lets verify count afterwards. `make setup-e2e` installs the
// clients; a machine without them fails: a client that is not run proves nothing.
func runClient(t *testing.T, script string, needs ...string) {
	t.Helper()
	runProgram(t, node(t, needs...), script)
}

// node finds Node and packages of it.
func node(t *testing.T, needs ...string) string {
	t.Helper()
	for _, name := range needs {
		if _, err := os.Stat("node_modules/" + name + "/package.json"); err != nil {
			t.Fatalf("%v (hint: make setup-e2e)", err)
		}
	}
	program, err := exec.LookPath("node")
	if err != nil {
		t.Fatalf("%v (hint: make setup-e2e)", err)
	}
	return program
}

// runProgram runs a program against a service on each engine.
func runProgram(t *testing.T, program string, args ...string) {
	t.Helper()
	for _, engine := range engines {
		t.Run(engine.name, func(t *testing.T) {
			t.Parallel()
			database := engine.open(t)
			p := Start(t, database, t.TempDir(), "--egress-allow", "127.0.0.0/8")
			runAgainst(t, p.URL, filepath.Join(p.Data, "demo"), program, args...)
			p.Stop(t)
			Verify(t, database)
		})
	}
}

// runAgainst runs a program that drives a client against an address, with the folder
// of the names and keys that are good there.
func runAgainst(t *testing.T, url, folder, program string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), endTimeout)
	defer cancel()
	client := exec.CommandContext(ctx, program, args...)
	client.Env = append(os.Environ(), "REFUNDRY_URL="+url, "REFUNDRY_DEMO_DIR="+folder)
	if text, err := client.CombinedOutput(); err != nil {
		t.Errorf("client: %v\n%s", err, text)
	}
}

// wechatpay-axios-plugin 0.9.6 and wechatpay-node-v3 2.2.1 from npm,
// unmodified, with only their hosts changed; wechatpay/client.mjs says what is
// shown.
func TestTheWeChatPayClients(t *testing.T) {
	runClient(t, "wechatpay/client.mjs", "wechatpay-axios-plugin", "wechatpay-node-v3")
}

// wechatpay-go 0.2.21, the official client, unmodified, with only its host
// changed; wechatpaygo/ways.go says what is shown. It is a module of its own.
func TestTheOfficialGoClientOfWeChatPay(t *testing.T) {
	runProgram(t, weChatPayGo(t))
}

// weChatPayGo builds the program that drives the official Go client.
func weChatPayGo(t *testing.T) string {
	t.Helper()
	client := filepath.Join(t.TempDir(), "client")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", client, ".")
	build.Dir = "wechatpaygo"
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v (hint: make setup-e2e)\n%s", err, text)
	}
	return client
}
