package bench

import (
	"os/exec"
	"runtime"
	"testing"
)

// What this process has in memory is no part of what a program takes that it starts.
func TestTheMemoryOfAProgramIsItsOwn(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Log("processes are measured on Linux alone")
		return
	}
	const large = 256 << 20
	ours := make([]byte, large)
	for at := 0; at < large; at += 4096 {
		ours[at] = 1
	}
	out, err := runProgram(t.Context(), exec.Command("sleep", "0.2"))
	if err != nil {
		t.Fatal(err)
	}
	if out.Memory <= 0 || out.Memory > large/2 {
		t.Errorf("sleep took %d bytes", out.Memory)
	}
	runtime.KeepAlive(ours)
}
