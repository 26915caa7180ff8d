package service

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/refundry/refundry/store/storetest"
)

// metricRows are the rows of docs/metrics.md.
var metricRows = regexp.MustCompile("(?m)^\\| `(refundry_[a-z_]+)` \\| [CPD] \\| [^|]+ \\|[^|]*\\| [^|]+ \\|$")

func TestEveryMetricIsInTheManualAndTheOtherWayRound(t *testing.T) {
	s := start(t, Options{Database: storetest.SQLite(t)})
	page, err := os.ReadFile("../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, row := range metricRows.FindAllSubmatch(page, -1) {
		if slices.Contains(told, string(row[1])) {
			t.Errorf("%s is there twice", row[1])
		}
		told = append(told, string(row[1]))
	}
	there := s.Metrics().Names()
	for _, name := range there {
		if !slices.Contains(told, name) {
			t.Errorf("docs/metrics.md has no row for %s", name)
		}
	}
	for _, name := range told {
		if !slices.Contains(there, name) {
			t.Errorf("docs/metrics.md tells of %s, which no service has", name)
		}
	}
	stop(t, s)
}

func TestFiguresOfADatabaseThatIsGoneAreUnknown(t *testing.T) {
	s := start(t, Options{Database: storetest.SQLite(t), Demo: true})
	if err := s.StepFigures(t.Context()); err != nil {
		t.Fatal(err)
	}
	const paused, accounts = "\nrefundry_pauses 0\n", "\nrefundry_channel_accounts{channel=\"sandbox\",state=\"active\"} 1\n"
	shown := func(what string) bool {
		_, body := call(t, s, "GET", "/metrics", "")
		return regexp.MustCompile(regexp.QuoteMeta(what)).Match(body)
	}
	if !shown(paused) || !shown(accounts) {
		t.Error("the figures are not shown")
	}
	stop(t, s)
	if err := s.StepFigures(t.Context()); err == nil {
		t.Fatal("a database that is closed was counted")
	}
	if shown(paused) || !shown("\nrefundry_pauses NaN\n") || shown("refundry_channel_accounts{") || shown("refundry_figures_timestamp_seconds NaN") {
		t.Error("what nobody knows is still shown")
	}
}
