package dialecttest

import (
	"database/sql"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	_ "modernc.org/sqlite" // the driver of the service's own database
)

// settleTimeout is how long work in the background may take to come to rest.
const settleTimeout = 30 * time.Second

// Unchanged waits until nothing moves any more, runs work, and fails the test
// if any row of any table is another one right afterwards: whatever a request
// changes is committed before it is answered.
func (s *Service) Unchanged(t testing.TB, work func()) {
	t.Helper()
	before := s.settled(t)
	work()
	after := s.rows(t)
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("rows have changed (-before +after):\n%s", diff)
	}
}

// atWork matches rows that something will change at once, however slow the
// machine is just now: events without a number, payments of which nobody was
// notified yet, refunds and deliveries under a lease, files of refunds that are being
// read or of which nothing was handed over yet.
var atWork = regexp.MustCompile(`^payment_events: .*\btold_at=0\b|^events: .*\bfeed_number=0\b|^refunds: .*\blease_until=[1-9]|^deliveries: .*\bstate='waiting' .*\blease_until=[1-9]|` +
	`^bulk_jobs: .*\bstate='(uploading|checking)'|^bulk_jobs: .*\bstate='running' .*\baccepted=0 refused=0\b`)

// settled returns all rows once two looks in a row see the same and nothing is
// at work.
func (s *Service) settled(t testing.TB) []string {
	t.Helper()
	const pause = 20 * time.Millisecond
	last := s.rows(t)
	for deadline := time.Now().Add(settleTimeout); ; {
		timer := time.NewTimer(pause)
		<-timer.C
		next := s.rows(t)
		if cmp.Equal(last, next) && !slices.ContainsFunc(next, atWork.MatchString) {
			return next
		}
		last = next
		if time.Now().After(deadline) {
			t.Fatalf("the rows still change after %s", settleTimeout)
		}
	}
}

// ownTime are the tables that loops of the service write at times of their own,
// about what was committed before: no request changes them.
var ownTime = []string{"live_audits", "refund_counts", "refund_times", "stat_cursors"}

// rows are all rows of all tables as text, read past the program so that no
// table and no column is forgotten.
func (s *Service) rows(t testing.TB) []string {
	t.Helper()
	tx, err := s.reading.BeginTx(t.Context(), &sql.TxOptions{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	var all []string
	for _, table := range column(t, tx, `SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name`) {
		if slices.Contains(ownTime, table) {
			continue
		}
		columns := column(t, tx, fmt.Sprintf(`SELECT name FROM pragma_table_info('%s')`, table))
		pieces := make([]string, len(columns))
		for n, name := range columns {
			pieces[n] = fmt.Sprintf(`'%s=' || quote("%s")`, name, name)
		}
		text := strings.Join(pieces, ` || ' ' || `)
		for _, row := range column(t, tx, fmt.Sprintf(`SELECT %s FROM "%s" ORDER BY 1`, text, table)) {
			all = append(all, table+": "+row)
		}
	}
	return all
}

func column(t testing.TB, tx *sql.Tx, query string) []string {
	t.Helper()
	rows, err := tx.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var out []string
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		out = append(out, text)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}
