package store_test

import (
	"regexp"
	"slices"
	"testing"

	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

// nobody are columns that say nothing of a payer in whatever table: ids, numbers, states
// and currencies, secrets, who did something here, and what merchants and channels are
// called.
var nobody = regexp.MustCompile(`^(id|.*_id|key|.*_key|unit|value|hash|.*_hash|digest|sealed|state|.*_state|kind|type|code|.*_code|call|step|was|purpose` +
	`|currency|.*_currency|account|.*_account|channel|connector|dialect|identity|sub|namespace|action|object|source|outcome|takes|mode|connector|merchant|at_.*` +
	`|actor|requester|.*_by|.*_behind|number|.*_number|order_no|scopes|hint|plain|limits|settings|url|host|public|certificate|language|time_zone|tstamp|filler)$`)

// decided are the other columns of texts: whether masking reaches them (see namesNobody of
// storetest, which looks), or why it need not.
var decided = map[string]map[string]string{
	"alerts":        {"text": "names rows; what a channel said is no more than its failure text"},
	"approvals":     {"note": "docs/privacy.md", "policy_name": "a policy's", "why": "a policy's", "proof": "docs/privacy.md: evidence"},
	"attempts":      {"message": "docs/privacy.md: failure texts", "note": "docs/privacy.md: proof", "sent": "names of members, see refund.Sent"},
	"audit_records": {"detail": "docs/privacy.md: the chain would break"},
	"batch_events":  {"snapshots": "states and amounts"},
	"bulk_jobs":     {"name": "docs/privacy.md: a file's", "reason": "docs/privacy.md: why it was stopped", "totals": "sums", "problem": "an error of ours"},
	"bulk_lines": {
		"charge": "as order numbers", "amount": "an amount", "says_currency": "a currency", "problem": "an error of ours",
		"reason": "masked", "customer": "masked",
	},
	"channel_notices":   {"text": "masked", "note": "an error of ours", "content": "masked"},
	"charges":           {"used": "amounts", "detail": "masked", "aliases": "as order numbers", "customer": "masked"},
	"deliveries":        {"body": "masked", "problem": "an error of ours"},
	"delivery_attempts": {"error": "docs/privacy.md: what receivers answered"},
	"dispute_events":    {"snapshot": "states and amounts"},
	"disputes":          {"reason": "the channel's code of why a payer disputes"},
	"endpoints":         {"events": "types"},
	"events":            {"snapshot": "states and amounts, see refund.Snapshot"},
	"merchants":         {"name": "a merchant's"},
	"move_pieces":       {"table_name": "a table's"},
	"moves":             {"side": "from or to", "other": "another database's address", "run": "a process's id", "kept": "statements of ours"},
	"pauses":            {"reason": "why somebody here paused"},
	"policies":          {"name": "a policy's", "expression": "docs/privacy.md: a policy's", "effect": "hold or refuse"},
	"refund_numbers":    {"refunds": "ids", "contents": "docs/privacy.md: charge, amount and goods", "write_call": "a call's name", "write_content": "a keyed hash", "write_made": "an id"},
	"refunds": {
		"reason": "masked", "parts": "amounts", "failure_message": "docs/privacy.md: failure texts", "landed": "masked", "asked_by": "a key and an address of the merchant's",
		"detail": "masked", "shown": "numbers of the channel", "customer": "masked", "streak": "docs/privacy.md: failure texts", "held_reason": "a word of ours", "approved": "a digest",
	},
	"sandbox_notices": {"content": "docs/privacy.md: a test merchant's"},
	"saved_views":     {"page": "a page's name", "name": "docs/privacy.md", "query": "docs/privacy.md"},
	"sign_in_tries":   {"subject": "who signs in here, forgotten after a quarter of an hour"},
	"user_roles":      {"role": "of who works here"},
	"user_sessions":   {"stage": "a word of ours", "address": "of who works here", "agent": "of who works here"},
	"users":           {"email": "of who works here", "name": "of who works here", "password": "a hash"},
	"writes":          {"content": "a keyed hash", "made": "an id"},
	"api_keys":        {"name": "a key's"},
	"identities":      {"name": "a merchant's"},
	"charge_aliases":  {"name": "as order numbers"},
}

// A migration that adds a column of texts fails here until somebody decided whether it
// may say something of a payer: then masking has to reach it, and namesNobody to look.
func TestEveryTextOfTheSchemaIsMaskedOrSaysNothingOfAPayer(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		tables := `SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'`
		columns := `SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name = $1 AND data_type NOT IN ('bigint', 'integer', 'boolean')`
		if s.SQLite() {
			tables = `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`
			columns = `SELECT name FROM pragma_table_info($1) WHERE type NOT IN ('BIGINT', 'INTEGER', 'BOOLEAN')`
		}
		all, err := s.Texts(t.Context(), tables)
		if err != nil || len(all) < 40 {
			t.Fatalf("%d tables, %v", len(all), err)
		}
		for _, table := range all {
			texts, err := s.Texts(t.Context(), columns, table)
			if err != nil {
				t.Fatal(err)
			}
			for _, column := range texts {
				if _, is := decided[table][column]; !is && !nobody.MatchString(column) {
					t.Errorf("may %s.%s say something of a payer? If so, mask it (store/mask.go), look at it in namesNobody and name it in docs/privacy.md; name it here", table, column)
				}
				if decided[table][column] == "masked" && !slices.Contains(storetest.Looked(table), column) {
					t.Errorf("namesNobody does not look at %s.%s", table, column)
				}
			}
		}
	})
}
