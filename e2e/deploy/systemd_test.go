package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// exposure is the highest that `systemd-analyze security` may say, of 100; it said 12
// when the unit was written.
const exposure = "20"

// unit is a copy of the service's unit whose program is on this machine.
func unit(t *testing.T) string {
	t.Helper()
	text := read(t, "deploy/systemd/refundry.service")
	const program = "/usr/local/bin/refundry"
	if !strings.Contains(text, "ExecStart="+program+" serve ") {
		t.Fatal("the unit does not start serve")
	}
	here, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text = strings.Replace(text, program, here, 1)
	text = strings.Replace(text, "Documentation=man:refundry(1)\n", "", 1) // it looks whether the page is installed
	name := filepath.Join(t.TempDir(), "refundry.service")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestTheUnitIsWhatSystemdUnderstands(t *testing.T) {
	// Recursive errors are those of units that it names and this machine lacks.
	output, err := exec.Command("systemd-analyze", "verify", "--recursive-errors=no", unit(t)).CombinedOutput()
	if err != nil || len(output) > 0 {
		t.Errorf("%v\n%s", err, output)
	}
}

func TestTheUnitIsExposedToLittle(t *testing.T) {
	output, err := exec.Command("systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold="+exposure, unit(t)).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, output)
	}
}

func TestTheSettingsOfTheUnitAreFlags(t *testing.T) {
	known := settings(t)
	for line := range strings.Lines(read(t, "deploy/systemd/refundry.toml")) {
		line = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "#"))
		name, _, ok := strings.Cut(line, " = ")
		if ok && !known["REFUNDRY_"+strings.ToUpper(strings.ReplaceAll(name, "-", "_"))] {
			t.Errorf("the program has no setting %s", name)
		}
	}
}
