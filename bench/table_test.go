package bench

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestEveryLineIsMeasuredByAStep(t *testing.T) {
	m := &measurer{charges: []charge{{}}}
	measured := map[string]bool{"memory": true, "verify": true, "": true} // the first two are made beside others
	for _, one := range m.steps(0) {
		if measured[one.series] {
			t.Errorf("%s is measured twice in a round", one.series)
		}
		measured[one.series] = true
	}
	for _, line := range specs() {
		if !measured[line.ours] || !measured[line.reference] {
			t.Errorf("%s: %q or %q is measured by no step", line.measure, line.ours, line.reference)
		}
		if line.fixed != (line.reference == "") {
			t.Errorf("%s: a target that is no figure needs a reference", line.measure)
		}
	}
}

func TestALineComparesMedians(t *testing.T) {
	m := &measurer{
		series: map[string][]figure{
			"ours":   {{rate: 50, service: 10, wal: 3000}, {rate: 90, service: 20, wal: 3000}, {rate: 60, service: 15, wal: 3000}},
			"theirs": {{rate: 100}, {rate: 300}, {rate: 110}}, "growing": {{rate: 500, grows: true}},
		},
		failed: map[string]error{"broken": errors.New("no")},
	}
	for name, test := range map[string]struct {
		spec
		ok    bool
		ratio float64
	}{
		"enough":             {spec{ours: "ours", reference: "theirs", target: 0.5}, true, 60.0 / 110},
		"too little":         {spec{ours: "ours", reference: "theirs", target: 0.6}, false, 60.0 / 110},
		"little enough":      {spec{ours: "ours", reference: "theirs", most: true, target: 0.6}, true, 60.0 / 110},
		"a figure":           {spec{ours: "ours", fixed: true, most: true, target: 60}, true, 0},
		"too high a figure":  {spec{ours: "ours", fixed: true, most: true, target: 59}, false, 0},
		"too much of a log":  {spec{ours: "ours", reference: "theirs", target: 0.5, wal: 2999}, false, 60.0 / 110},
		"a queue that grows": {spec{ours: "growing", reference: "theirs", target: 0.5}, false, 500.0 / 110},
		"one that failed":    {spec{ours: "broken", reference: "theirs", target: 0}, false, 0},
		"nothing measured":   {spec{ours: "none", fixed: true, most: true, target: 1}, false, 0},
	} {
		test.of = rateOf
		line := m.line(test.spec)
		if line.OK != test.ok || line.Ratio != test.ratio {
			t.Errorf("%s: %+v", name, line)
		}
	}
}

func TestATablePrintsWhatWasMissed(t *testing.T) {
	var out bytes.Buffer
	Table{Took: 61, Rounds: 3, Cores: 2, Lines: []Line{
		{Measure: "accept, 1 caller", Unit: "refunds/s", Ours: 1234, Reference: 2000, Against: "b1-u 1", Ratio: 0.617, Target: ">= 0.5 x", Service: 80, WAL: 3000, OK: true},
		{Measure: "verify", Unit: "s", Ours: 70.123, Target: "<= 60 s"},
		{Measure: "list", Target: ">= 3 x", Error: "no answer"},
	}}.Print(&out)
	for _, want := range []string{"1234 refunds/s", "2000 (b1-u 1)", "0.62", "70.12 s", "missed: no answer", "1 of 3 targets met", "after 1m1s"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in:\n%s", want, out.String())
		}
	}
}

func TestTableOptionsOutOfRangeAreRefused(t *testing.T) {
	for name, opts := range map[string]TableOptions{
		"no rounds": {Rounds: -1}, "a short load": {Duration: time.Millisecond}, "a short life": {Life: time.Millisecond},
		"few stored": {Stored: 1}, "many stored": {Stored: MaxStored + 1}, "no such line": {Only: []string{"klingon"}},
	} {
		if _, err := RunTable(context.Background(), opts); err == nil || !strings.HasPrefix(err.Error(), "bench: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPgbenchLogsAreReadTogether(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"log.1": "0 1 300 0 1796013401 5\n1 1 100 0 1796013401 6\n", "log.1.1": "2 1 200 0 1796013401 7\n2 2 skipped 0 1796013401 7\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	sorted, err := readLatencies(dir)
	if err != nil || len(sorted) != 3 || sorted[0] != 100*time.Microsecond || sorted[2] != 300*time.Microsecond {
		t.Errorf("read %v, %v", sorted, err)
	}
}

func TestTheLocalReferencesMeasure(t *testing.T) {
	f, err := referenceSQLite(t.Context(), t.TempDir(), time.Millisecond)
	if err != nil || f.rate <= 0 {
		t.Errorf("SQLite: %+v, %v", f, err)
	}
	sign, both, err := referenceRSA(t.Context(), time.Millisecond)
	if err != nil || sign.rate <= 0 || both.rate <= 0 || both.rate > sign.rate {
		t.Errorf("RSA: %v, %v, %v", sign.rate, both.rate, err)
	}
	if len(referenceBody) != 608 {
		t.Errorf("a refund has %d bytes", len(referenceBody))
	}
}
