package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/refundry/refundry/store/storetest"
)

func TestAnOperatorMovesADatabaseWithOneCommand(t *testing.T) {
	from, to, data := storetest.EmptySQLite(t), storetest.EmptyPostgres(t), t.TempDir()
	command := func(want int, args ...string) (out, problems string) {
		t.Helper()
		var stdout, stderr bytes.Buffer
		if status := run(args, strings.NewReader(""), &stdout, &stderr); status != want {
			t.Fatalf("%v: exit status %d and not %d: %s", args, status, want, &stderr)
		}
		return stdout.String(), stderr.String()
	}
	contains := func(text, want string) {
		t.Helper()
		if !strings.Contains(text, want) {
			t.Errorf("not %q in:\n%s", want, text)
		}
	}
	command(0, "merchant", "add", "shop", "--mode", "test", "--with", "pingpp", "--database", from, "--data", data)
	_, problems := command(2, "migrate", "--to", to)
	contains(problems, "go with --from")
	_, problems = command(2, "migrate", "--from", from)
	contains(problems, "--from is given without --to")
	_, problems = command(1, "migrate", "--from", from, "--to", storetest.EmptySQLite(t), "--data", data)
	contains(problems, "a move goes to PostgreSQL")
	_, problems = command(1, "migrate", "--from", from, "--to", to, "--data", t.TempDir())
	contains(problems, "secrets move as they are")
	_, problems = command(0, "migrate", "--from", from, "--undo")
	contains(problems, "nothing was to be given up")

	out, _ := command(0, "migrate", "--from", from, "--to", to, "--data", data, "--json")
	var report struct {
		Rows   int64            `json:"rows"`
		Tables map[string]int64 `json:"tables"`
		From   string           `json:"from"`
		To     string           `json:"to"`
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil || report.Rows == 0 || report.Tables["merchants"] != 1 {
		t.Errorf("%v: %s", err, out)
	}
	if strings.Contains(report.To, "refundry:") && !strings.Contains(report.To, "xxxxx") {
		t.Errorf("the password is shown: %s", report.To)
	}
	_, problems = command(0, "migrate", "--from", from, "--to", to, "--data", data)
	contains(problems, "an earlier run has switched")
	out, _ = command(0, "merchant", "list", "--database", to)
	contains(out, "shop")
	command(0, "verify", "--database", to)
	_, problems = command(0, "merchant", "list", "--database", from)
	contains(problems, "note: this database is not served: it was moved to "+report.To)
	_, problems = command(1, "merchant", "add", "late", "--mode", "test", "--database", from, "--data", data)
	contains(problems, "moved")
	_, problems = command(1, "migrate", "--database", from)
	contains(problems, "it was moved to "+report.To)
	_, problems = command(1, "migrate", "--from", from, "--undo")
	contains(problems, "may refund twice")
}
