package main

import (
	"bytes"
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	"github.com/refundry/refundry/store/storetest"

	_ "modernc.org/sqlite" // breaks rows behind the program's back
)

// broken makes a database with the demo merchant and one refund, and changes
// it by statements. It returns the flags that name it.
func broken(t *testing.T, statements ...string) []string {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "demo.db")
	e := &environment{Context: t.Context(), out: &bytes.Buffer{}, err: &bytes.Buffer{}, log: (&program{}).logger("demo", &bytes.Buffer{})}
	h, err := openHouse(e, dir, "sqlite:"+file, "127.0.0.1:0", false)
	if err != nil {
		t.Fatal(err)
	}
	sink, err := openSink()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sink.close)
	if err := h.show(e, sink); err != nil {
		t.Error(err)
	}
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for _, statement := range statements {
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	return []string{"--database", "sqlite:" + file, "--data", filepath.Join(dir, "data")}
}

// command runs the program and gives what it said.
func command(args ...string) (status int, stdout, stderr string) {
	var out, problems bytes.Buffer
	status = run(args, strings.NewReader(""), &out, &problems)
	return status, out.String(), problems.String()
}

func TestVerifyNamesTheRowsThatAreBrokenAndExits1(t *testing.T) {
	flags := broken(t, "UPDATE charges SET refunded = refunded - 1 WHERE id = '"+demoCharge+"'")
	status, stdout, stderr := command("verify", "--database", flags[1])
	if status != exitFailed || !strings.Contains(stdout, "broken: ") || !strings.Contains(stdout, demoCharge) || !strings.Contains(stderr, "invariants are broken") {
		t.Errorf("exit %d\n%s%s", status, stdout, stderr)
	}
	for line := range strings.Lines(stdout) {
		if !strings.HasPrefix(line, "broken: ") && !strings.HasPrefix(line, "note: ") {
			t.Errorf("a finding takes more than one line: %s", line)
		}
	}
	if status, stdout, _ := command("verify", "--json", "--database", flags[1]); status != exitFailed || !strings.Contains(stdout, `"invariant": "`) {
		t.Errorf("as JSON: exit %d %s", status, stdout)
	}
}

func TestDoctorSaysWhatWaitsForSomeone(t *testing.T) {
	const one = "WHERE id = (SELECT MIN(id) FROM refunds)"
	for name, c := range map[string]struct {
		statement, want string
		status          int
	}{
		"nothing": {"SELECT 1", "none is stuck, and no webhook was given up", 0},
		"a refund that nobody looks at": {
			"UPDATE refunds SET state = 'pending', succeeded_at = 0, due_at = 1 " + one, "problem  refunds", exitFailed,
		},
		"a refund that has been at its channel for weeks": {
			"UPDATE refunds SET state = 'pending', succeeded_at = 0, created_at = 1, due_at = 9000000000000000 " + one, "a refund has been at its channel for", 0,
		},
		"an abnormal refund": {
			"UPDATE refunds SET state = 'abnormal', succeeded_at = 0, due_at = 9000000000000000 " + one, "could not take 1 refunds", 0,
		},
		"a refund short of funds": {
			"UPDATE refunds SET state = 'held', succeeded_at = 0, due_at = 9000000000000000 " + one, "1 refunds are held", 0,
		},
		"a webhook that was given up": {"UPDATE deliveries SET state = 'dead' WHERE id = (SELECT MIN(id) FROM deliveries)", "1 deliveries were given up", 0},
	} {
		t.Run(name, func(t *testing.T) {
			status, stdout, stderr := command(append([]string{"doctor"}, broken(t, c.statement)...)...)
			if status != c.status || !strings.Contains(stdout, c.want) {
				t.Errorf("exit %d\n%s%s", status, stdout, stderr)
			}
		})
	}
}

func TestASettingWithACarriageReturnIsRefused(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("REFUNDRY_DATABASE", "sqlite:shop.db\r")
	for _, args := range [][]string{{"serve"}, {"migrate"}, {"verify"}, {"doctor"}} {
		status, _, stderr := command(args...)
		if status != exitUsage || !strings.Contains(stderr, "REFUNDRY_DATABASE ends with the character U+000D") {
			t.Errorf("%v: exit %d, %s", args, status, stderr)
		}
	}
	if made, err := filepath.Glob("*"); err != nil || len(made) > 0 {
		t.Errorf("made %v, %v", made, err)
	}
}

func TestDoctorSaysThatAServerMayLoseCommits(t *testing.T) {
	address := storetest.Postgres(t)
	if status, _, stderr := command("migrate", "--database", address); status != 0 {
		t.Fatal(stderr)
	}
	separator := "?"
	if strings.Contains(address, "?") {
		separator = "&"
	}
	address += separator + "synchronous_commit=off"
	status, stdout, _ := command("doctor", "--database", address, "--data", t.TempDir())
	if status != exitFailed || !strings.Contains(stdout, "synchronous_commit is off") || !strings.Contains(stdout, "fsync is ") {
		t.Errorf("exit %d\n%s", status, stdout)
	}
}
