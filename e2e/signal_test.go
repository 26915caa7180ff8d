package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// A script's pipe may have lost its writer: one signal ends the command that
// waits for it.
func TestASignalEndsACommandThatWaitsForItsInput(t *testing.T) {
	dir := t.TempDir()
	command := func(args ...string) *exec.Cmd {
		c := exec.Command(Binary(t), args...)
		c.Dir, c.Env = dir, append(os.Environ(), "REFUNDRY_DATABASE=sqlite:r.db", "REFUNDRY_DATA=data")
		return c
	}
	for _, args := range [][]string{{"migrate"}, {"merchant", "add", "shop"}} {
		if text, err := command(args...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", args, err, text)
		}
	}
	var said bytes.Buffer
	waits := command("charge", "import", "-", "--format", "ndjson")
	waits.Stderr = &said
	in, err := waits.StdinPipe()
	if err == nil {
		err = waits.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	// More than a pipe holds: once it is written, the command is reading.
	if _, err := in.Write([]byte(strings.Repeat("\n", 1<<20))); err != nil {
		t.Fatal(err)
	}
	if err := waits.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := waits.Wait(); err == nil || !strings.Contains(said.String(), "ended by a signal while it waited") {
		t.Errorf("%v, %q", err, said.String())
	}
}
