package service

import (
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	alertRules = "../deploy/prometheus/alerts.yml"
	dashboard  = "../deploy/grafana/refundry.json"
	incidents  = "../docs/operations/incidents.md"
)

func readText(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// metricNames are names of ours in a query, metricOf what a histogram's parts are of.
var (
	metricNames = regexp.MustCompile(`\brefundry_[a-z_]+`)
	metricOf    = regexp.MustCompile(`_(bucket|sum|count)$`)
)

// unknownMetrics lists the metrics of a text that docs/metrics.md, which is held
// against the service, does not have.
func unknownMetrics(t *testing.T, text string) (unknown, used []string) {
	t.Helper()
	var known []string
	for _, row := range metricRows.FindAllStringSubmatch(readText(t, "../docs/metrics.md"), -1) {
		known = append(known, row[1])
	}
	for _, name := range metricNames.FindAllString(text, -1) {
		if !slices.Contains(known, name) {
			name = metricOf.ReplaceAllString(name, "")
		}
		if used = append(used, name); !slices.Contains(known, name) {
			unknown = append(unknown, name)
		}
	}
	return unknown, used
}

func TestPromtoolTakesTheAlertRulesAndEachFires(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Fatal("promtool is missing, which comes with Prometheus: make setup-promtool")
	}
	for _, args := range [][]string{{"check", "rules", alertRules}, {"test", "rules", "../deploy/prometheus/alerts_test.yml"}} {
		if out, err := exec.CommandContext(t.Context(), promtool, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %v: %v\n%s", args, err, out)
		}
	}
	rules, tests := readText(t, alertRules), readText(t, "../deploy/prometheus/alerts_test.yml")
	alerts := regexp.MustCompile(`(?m)^ +- alert: (\S+)$`).FindAllStringSubmatch(rules, -1)
	if len(alerts) < 20 {
		t.Fatalf("there are %d alerts", len(alerts))
	}
	for _, alert := range alerts {
		if !strings.Contains(tests, "- name: "+alert[1]+"\n") || !strings.Contains(tests, `alertname="`+alert[1]+`"`) {
			t.Errorf("no test has %s fire", alert[1])
		}
	}
}

func TestEveryAlertHasItsRecipe(t *testing.T) {
	rules, page := readText(t, alertRules), readText(t, incidents)
	var anchors []string
	for _, heading := range regexp.MustCompile(`(?m)^## (.+)$`).FindAllStringSubmatch(page, -1) {
		anchors = append(anchors, strings.ReplaceAll(strings.ToLower(heading[1]), " ", "-"))
	}
	links := regexp.MustCompile(`(?m)^ +- alert: (\S+)$[\s\S]*?runbook_url: \S+/docs/operations/incidents\.md#(\S+)$`).FindAllStringSubmatch(rules, -1)
	if len(links) != strings.Count(rules, "- alert: ") {
		t.Errorf("%d of %d alerts have a link", len(links), strings.Count(rules, "- alert: "))
	}
	for _, link := range links {
		at := slices.Index(anchors, link[2])
		if at < 0 {
			t.Errorf("%s leads to #%s, which is not there", link[1], link[2])
			continue
		}
		if section := strings.Split(page, "\n## ")[at+1]; !strings.Contains(section, link[1]) {
			t.Errorf("the section #%s does not name %s", link[2], link[1])
		}
	}
}

func TestTheRulesAndTheDashboardShowMetricsThatAreThere(t *testing.T) {
	var board struct {
		UID        string `json:"uid"`
		Templating struct {
			List []struct{ Name, Query any } `json:"list"`
		} `json:"templating"`
		Panels []struct {
			ID      int    `json:"id"`
			Type    string `json:"type"`
			Title   string `json:"title"`
			Targets []struct {
				Expr string `json:"expr"`
			} `json:"targets"`
		} `json:"panels"`
	}
	text := readText(t, dashboard)
	if err := json.Unmarshal([]byte(text), &board); err != nil {
		t.Fatal(err)
	}
	if board.UID != "refundry" || len(board.Templating.List) != 3 {
		t.Errorf("uid %q, variables %v", board.UID, board.Templating.List)
	}
	ids := make(map[int]bool)
	for _, panel := range board.Panels {
		if ids[panel.ID] || panel.Title == "" || (panel.Type == "row") != (len(panel.Targets) == 0) {
			t.Errorf("panel %d, %q: %d queries", panel.ID, panel.Title, len(panel.Targets))
		}
		ids[panel.ID] = true
	}
	unknown, shown := unknownMetrics(t, text)
	more, alerted := unknownMetrics(t, readText(t, alertRules))
	if len(unknown)+len(more) > 0 {
		t.Errorf("no service has %v, %v", unknown, more)
	}
	for _, row := range metricRows.FindAllStringSubmatch(readText(t, "../docs/metrics.md"), -1) {
		if !slices.Contains(shown, row[1]) && !slices.Contains(alerted, row[1]) {
			t.Errorf("neither the dashboard nor a rule looks at %s", row[1])
		}
	}
}
