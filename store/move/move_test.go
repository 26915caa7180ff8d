package move_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/service"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/move"
	"github.com/refundry/refundry/store/sqldb"
)

// equal compares every table of both databases, whatever the mover thinks of them.
func equal(t *testing.T, from, to *store.Store) {
	t.Helper()
	names, columns, err := from.DB().Tables(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if move.Left(name) != "" {
			continue
		}
		if diff := cmp.Diff(rows(t, from, name, columns[name]), rows(t, to, name, columns[name])); diff != "" {
			t.Errorf("table %s (-old +new): %s", name, diff)
		}
	}
}

// change is some change that any program might make.
func change(t *testing.T, s *store.Store) error {
	t.Helper()
	return s.Share(t.Context(), func(q sqldb.Querier) error {
		_, err := q.Exec(t.Context(), `UPDATE merchants SET name = name || 'x'`)
		return err
	})
}

func TestEverythingMovesAndOneOfBothIsServed(t *testing.T) {
	from := open(t, old(t))
	_, to := empty(t)
	report, err := move.Run(t.Context(), from.DB(), to.DB(), options())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, from, to)
	if findings, err := service.Verify(t.Context(), to); err != nil || len(findings) > 0 {
		t.Errorf("verify: %v, %v", findings, err)
	}
	if report.Rows == 0 || report.Tables["refunds"] == 0 || len(report.Sums) == 0 || report.Before {
		t.Errorf("report: %+v", report)
	}
	if err := move.Standing(t.Context(), from.DB()); !errors.Is(err, move.ErrNotServed) || !strings.Contains(err.Error(), "moved to new") {
		t.Errorf("the old database: %v", err)
	}
	if err := move.Standing(t.Context(), to.DB()); err != nil {
		t.Errorf("the new database: %v", err)
	}
	if err := change(t, from); !errors.Is(err, refund.ErrUnavailable) || !strings.Contains(err.Error(), "moved, to new") {
		t.Errorf("a change of the old database: %v", err)
	}
	if err := change(t, to); err != nil {
		t.Errorf("a change of the new database: %v", err)
	}
	again, err := move.Run(t.Context(), from.DB(), to.DB(), options())
	if err != nil || !again.Before || again.ID != report.ID {
		t.Errorf("moved again: %+v, %v", again, err)
	}
}
