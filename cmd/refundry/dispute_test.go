package main

import (
	"strings"
	"testing"
)

// A dispute is found by either id, filtered like the API's lists, and one whose row is
// damaged is named.
func TestDisputesAreListedAndShown(t *testing.T) {
	const columns = `INSERT INTO disputes (merchant_id, id, charge_id, channel_account, channel_dispute_id, amount, currency, held, state, reason, channel_at, created_at, updated_at, closed_at) VALUES `
	flags := broken(t,
		columns+`('mer_demo', 'dp_open', '`+demoCharge+`', 'sandbox_demo', 'du_1', 7, 'CNY', 7, 'open', 'fraudulent', 0, 1000000, 1000000, 0)`,
		columns+`('mer_demo', 'dp_won', '`+demoCharge+`', 'sandbox_demo', 'du_2', 5, 'CNY', 0, 'won', '', 0, 2000000, 2000000, 2000000)`,
		columns+`('mer_demo', 'dp_broken', '`+demoCharge+`', 'sandbox_demo', 'du_3', 5, 'CNY', 0, 'open', '', 0, 3000000, 3000000, 0)`,
	)[:2]
	for _, test := range []struct {
		args   string
		status int
		out    []string
		not    string
		err    string
	}{
		{"list", 0, []string{"dp_open", "dp_won", "dp_broken", "unreadable", "fraudulent", "0.07 CNY"}, "", "dispute dp_broken can't be read"},
		{"list --state won", 0, []string{"dp_won"}, "dp_open", ""},
		{"list --open", 0, []string{"dp_open", "dp_broken"}, "dp_won", ""},
		{"list --open --state won", exitUsage, nil, "dp_", "--state"},
		{"list --state gone", exitUsage, nil, "dp_", "must be one of"},
		{"list --charge " + demoCharge + " --limit 1 --after dp_broken", 0, []string{"dp_won"}, "dp_open", "--after dp_won"},
		{"list --charge none", exitFailed, nil, "dp_", "no such charge"},
		{"list --charge=", exitUsage, nil, "dp_", "empty"},
		{"list --account none", 0, nil, "dp_", ""},
		{"list --after dp_none", exitFailed, nil, "dp_open", "there is no such dispute"},
		{"list --json --state open", 0, []string{`"charge": "` + demoCharge + `"`, `"channel_dispute_id": "du_1"`, `"held": 7`, `"unreadable": true`}, "du_2", ""},
		{"get dp_open", 0, []string{"fraudulent", "du_1", demoCharge}, "", ""},
		{"show du_2 --json", 0, []string{`"id": "dp_won"`, `"state": "won"`, `"channel_account": "sandbox_demo"`}, "", ""},
		{"get dp_broken", 0, []string{"unreadable"}, "", "dispute dp_broken can't be read"},
		{"get dp_none", exitFailed, nil, "dp_", "there is no such dispute"},
	} {
		status, stdout, stderr := command(append(append([]string{"dispute"}, strings.Fields(test.args)...), flags...)...)
		if status != test.status || !strings.Contains(stderr, test.err) || test.not != "" && strings.Contains(stdout, test.not) {
			t.Errorf("%s exits with %d and says %q\n%s", test.args, status, stderr, stdout)
		}
		for _, want := range test.out {
			if !strings.Contains(stdout, want) {
				t.Errorf("%s has no %q in\n%s", test.args, want, stdout)
			}
		}
	}
}
