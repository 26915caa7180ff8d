package audit_test

import (
	"context"
	"encoding/csv"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/audit"
)

// records are a chain of records in memory.
type records []audit.Record

func (c records) FindAudit(_ context.Context, f audit.Filter) ([]audit.Record, error) {
	var found []audit.Record
	for _, r := range c {
		if r.Number > f.After && len(found) < f.Limit {
			found = append(found, r)
		}
	}
	return found, nil
}

func linked(n int) records {
	var c records
	head := audit.Head{}
	for i := range n {
		r := audit.New(audit.ByUser("a@example.com"), "mer_1", "key.add", fmt.Sprintf("=HYPERLINK(%d)", i), time.Unix(int64(i), 0)).With("name", "+1,2\n")
		r.ID = fmt.Sprint(i)
		r = head.Link(r)
		head = audit.Head{Number: r.Number, Hash: r.Hash}
		c = append(c, r)
	}
	return c
}

func TestAChainIsFollowedToItsEndOrItsBreak(t *testing.T) {
	c := linked(1234)
	seen, done, err := audit.Follow(t.Context(), c, "mer_1", audit.Head{}, 10_000)
	if err != nil || !done || seen.Number != 1234 || seen.Broken != 0 {
		t.Errorf("intact: %+v %v %v", seen, done, err)
	}
	first, done, err := audit.Follow(t.Context(), c, "mer_1", audit.Head{}, 500)
	if err != nil || done || first.Number != 500 {
		t.Errorf("a part: %+v %v %v", first, done, err)
	}
	seen, done, err = audit.Follow(t.Context(), c, "mer_1", audit.Head{Number: first.Number, Hash: first.Hash}, 10_000)
	if err != nil || !done || seen.Number != 1234 || seen.Broken != 0 {
		t.Errorf("the rest: %+v %v %v", seen, done, err)
	}
	c[700].Object = "key_other"
	if seen, _, _ = audit.Follow(t.Context(), c, "mer_1", audit.Head{}, 10_000); seen.Broken != 701 || seen.Number != 700 {
		t.Errorf("a record that was changed: %+v", seen)
	}
	c = append(linked(1234)[:10:10], linked(1234)[11:]...)
	if seen, _, _ = audit.Follow(t.Context(), c, "mer_1", audit.Head{}, 10_000); seen.Broken != 12 || seen.Number != 10 {
		t.Errorf("a record that was removed: %+v", seen)
	}
}

func TestAFileOfRecordsIsWholeAndInert(t *testing.T) {
	var text strings.Builder
	pages := 0
	if err := audit.Write(t.Context(), &text, audit.CSV, linked(1234), audit.Filter{}, func() error { pages++; return nil }); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(text.String())).ReadAll()
	if err != nil || len(rows) != 1235 || pages != 3 {
		t.Fatalf("%d rows in %d pages, %v", len(rows), pages, err)
	}
	if rows[1][4] != "'=HYPERLINK(0)" || rows[1][6] != "name=+1,2\n" {
		t.Errorf("a row is %q", rows[1])
	}
	text.Reset()
	if err := audit.Write(t.Context(), &text, audit.NDJSON, linked(3), audit.Filter{}, nil); err != nil || strings.Count(text.String(), "\n") != 3 {
		t.Errorf("lines: %v %s", err, text.String())
	}
}
