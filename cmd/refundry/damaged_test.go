package main

import (
	"strings"
	"testing"
)

// One damaged row takes no command from an operator: lists name it and show the others,
// what is about it alone fails, and verify says what it is.
func TestADamagedRowIsNamedAndTheOthersAreShown(t *testing.T) {
	flags := broken(t,
		`INSERT INTO charges (merchant_id, id, order_no, channel, channel_account, transaction_id, currency, amount, paid_at, created_at, updated_at, detail, aliases)
			SELECT merchant_id, 'ch_broken', 'BROKEN', channel, channel_account, 'tx_broken', currency, amount, paid_at, created_at, updated_at, 'no JSON', '[]' FROM charges WHERE id = '`+demoCharge+`'`,
		`INSERT INTO channel_notices (merchant_id, created_at, id, account, channel, digest, times, text, state, note, number, transaction_id, order_no, content, tries, due_at, charge_known, refund_id)
			VALUES ('mer_demo', 1, 'notice_broken', 'sandbox_demo', 'sandbox', 'd1', 1, '', 'set_aside', '', '', '', '', 'no JSON', 0, 0, 1, ''),
				('mer_demo', 2, 'notice_sound', 'sandbox_demo', 'sandbox', 'd2', 1, '', 'set_aside', '', '', '', '', '{}', 0, 0, 1, '')`,
		`UPDATE refunds SET shown = 'no JSON' WHERE merchant_id = 'mer_demo'`,
		`UPDATE api_keys SET limits = 'no JSON' WHERE id = (SELECT MIN(k.id) FROM api_keys k)`,
	)
	for _, test := range []struct {
		name   string
		args   []string
		status int
		out    []string
		err    string
	}{
		{"charge list", []string{"charge", "list"}, 0, []string{demoCharge}, "charge ch_broken can't be read and is left out"},
		{"charge get of another", []string{"charge", "get", demoCharge}, 0, []string{demoCharge}, ""},
		{"charge get of itself", []string{"charge", "get", "ch_broken"}, exitFailed, nil, "ch_broken can't be read"},
		{"refund list", []string{"refund", "list"}, 0, nil, "can't be read and is left out"},
		{"notice list", []string{"notice", "list"}, 0, []string{"notice_sound", "notice_broken"}, ""},
		{"key list", []string{"key", "list"}, 0, []string{"native", "pingpp"}, "can't be read: its row is damaged"},
		{"merchant get", []string{"merchant", "get", "mer_demo"}, 0, []string{"native", "channel account"}, "can't be read: its row is damaged"},
		{"audit", []string{"audit"}, 0, []string{"mer_demo"}, ""},
		{"event list", []string{"event", "list"}, 0, []string{"evt_"}, ""},
		{"verify", []string{"verify"}, exitFailed, []string{"limits can't be read", "content can't be read", "shown can't be read", "charge ch_broken"}, "invariants are broken"},
	} {
		given := flags[:2]
		if test.name == "merchant get" {
			given = flags
		}
		status, stdout, stderr := command(append(test.args, given...)...)
		if status != test.status || !strings.Contains(stderr, test.err) {
			t.Errorf("%s exits with %d and says %q", test.name, status, stderr)
		}
		for _, want := range test.out {
			if !strings.Contains(stdout, want) {
				t.Errorf("%s has no %q in\n%s", test.name, want, stdout)
			}
		}
	}
}
