package dialecttest

import (
	"slices"
	"strings"
	"testing"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// Damage makes the row of a refund or charge unreadable, behind the service's back.
func (s *Service) Damage(t testing.TB, table, id string) {
	t.Helper()
	text := map[string]string{
		"refunds": `UPDATE refunds SET parts = 'no such {' WHERE id = $1`,
		"charges": `UPDATE charges SET detail = 'no such {' WHERE id = $1`,
	}[table]
	err := s.Store.DB().Write(t.Context(), func(q sqldb.Querier) error {
		changed, err := q.Exec(t.Context(), text, id)
		if err == nil && changed != 1 {
			t.Errorf("%d rows of %s have the id %s", changed, table, id)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Damaged fails the test unless an answer, and an alert of the merchant, name a damaged
// row by all the texts.
func (s *Service) Damaged(t testing.TB, merchantID, answer string, texts ...string) {
	t.Helper()
	alerts, _, err := s.Store.Alerts(t.Context(), merchantID, false, refund.Page{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	names := func(text string) bool {
		return !slices.ContainsFunc(texts, func(part string) bool { return !strings.Contains(text, part) })
	}
	if !names(answer) {
		t.Errorf("the answer does not name %q: %s", texts, answer)
	}
	if !slices.ContainsFunc(alerts, func(a refund.StoredAlert) bool { return names(a.Text) }) {
		t.Errorf("no alert names %q: %+v", texts, alerts)
	}
}
