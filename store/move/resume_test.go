package move_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/service"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/move"
	"github.com/refundry/refundry/store/sqldb"
	"github.com/refundry/refundry/store/storetest"
)

// killed is what ends a run as kill -9 would: nothing is tidied up.
type killed struct{}

// killAt runs a move that is killed when it has come to a step for the nth time.
func killAt(t *testing.T, from, to *store.Store, step string, nth int) (was bool) {
	t.Helper()
	defer func() {
		if problem := recover(); problem != nil {
			if _, is := problem.(killed); !is {
				panic(problem)
			}
			was = true
		}
	}()
	_, err := move.Run(t.Context(), from.DB(), to.DB(), options().At(func(now string) error {
		if now == step {
			if nth--; nth == 0 {
				panic(killed{})
			}
		}
		return nil
	}))
	if err != nil {
		t.Fatalf("killed at %q: %v", step, err)
	}
	return false
}

// served are those of both databases that may be served and take changes; each is asked
// in both ways.
func served(t *testing.T, from, to *store.Store) (all []string) {
	t.Helper()
	for name, s := range map[string]*store.Store{"old": from, "new": to} {
		err := move.Standing(t.Context(), s.DB())
		changed := s.Share(t.Context(), func(q sqldb.Querier) error {
			if _, err := q.Exec(t.Context(), `UPDATE live_audits SET epoch = epoch + 1`); err != nil {
				return err
			}
			return errTaken
		})
		if (err == nil) != errors.Is(changed, errTaken) {
			t.Errorf("the %s database: may be served: %v; takes changes: %v", name, err, changed)
		}
		if err == nil {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}

var errTaken = errors.New("it would have been taken")

func TestAMoveGoesOnAfterAKillAtEachStepAndTheTwoAreNeverBothServed(t *testing.T) {
	from := open(t, old(t))
	_, to := empty(t)
	kills := []struct {
		step string
		nth  int
		want string
	}{
		{"old database marked", 1, "new old"}, // the new one is as empty as any
		{"new database prepared", 1, "old"},
		{"table refunds", 1, "old"},
		{"piece of events", 1, "old"},
		{"piece of transfers", 2, "old"},
		{"indexes", 1, "old"},
		{"before the rest", 1, "old"},
		{"resting", 1, ""},
		{"piece of refunds", 3, ""}, // of the pass in the rest
		{"copied", 1, ""},
		{"proved", 1, ""},
		{"ready", 1, ""},
		{"switched", 1, ""},
	}
	for _, kill := range kills {
		if !killAt(t, from, to, kill.step, kill.nth) {
			t.Fatalf("%q did not come", kill.step)
		}
		if got := strings.Join(served(t, from, to), " "); got != kill.want {
			t.Errorf("after a kill at %q, %q may be served and not %q", kill.step, got, kill.want)
		}
	}
	report, err := move.Run(t.Context(), from.DB(), to.DB(), options())
	if err != nil || !report.Before {
		t.Fatalf("%+v, %v", report, err)
	}
	if got := strings.Join(served(t, from, to), " "); got != "new" {
		t.Errorf("in the end, %q may be served", got)
	}
	equal(t, from, to)
	sameSchema(t, to)
	if findings, err := service.Verify(t.Context(), to); err != nil || len(findings) > 0 {
		t.Errorf("verify: %v, %v", findings, err)
	}
}

// sameSchema compares indexes and constraints with those of a database that was never
// moved to.
func sameSchema(t *testing.T, to *store.Store) {
	t.Helper()
	_, fresh := empty(t)
	const text = `SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
		UNION ALL SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) || convalidated FROM pg_constraint WHERE connamespace = 'public'::regnamespace
		UNION ALL SELECT tgrelid::regclass || ' ' || tgname FROM pg_trigger WHERE NOT tgisinternal
		UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY 1`
	read := func(s *store.Store) (all []string) {
		err := s.Read(t.Context(), func(q sqldb.Querier) error {
			return q.Query(t.Context(), text, nil, func(scan func(...any) error) error {
				all = append(all, "")
				return scan(&all[len(all)-1])
			})
		})
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	if diff := cmp.Diff(read(fresh), read(to)); diff != "" {
		t.Errorf("the schema (-made +moved): %s", diff)
	}
}

func TestAServerThatDiesLeavesTheOldDatabaseServed(t *testing.T) {
	cluster := storetest.PostgresControl(t)
	for _, step := range []string{"piece of transfers", "resting"} {
		from, to := open(t, old(t)), open(t, cluster.Postgres(t))
		if err := to.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		down := false
		_, err := move.Run(t.Context(), from.DB(), to.DB(), options().At(func(now string) error {
			if now == step && !down {
				down = true
				cluster.Kill(t)
			}
			return nil
		}))
		if err == nil || !down {
			t.Errorf("the server died at %q: %v", step, err)
		}
		if err := move.Standing(t.Context(), from.DB()); err != nil {
			t.Errorf("the old database: %v", err)
		}
		if err := change(t, from); err != nil {
			t.Errorf("the old database: %v", err)
		}
		cluster.Start(t)
		if _, err := move.Run(t.Context(), from.DB(), to.DB(), options()); err != nil {
			t.Fatal(err)
		}
		equal(t, from, to)
	}
}

func TestAnErrorInTheRestWakesTheOldDatabase(t *testing.T) {
	from := open(t, old(t))
	_, to := empty(t)
	trouble := errors.New("trouble")
	for _, step := range []string{"resting", "copied", "proved", "ready"} {
		_, err := move.Run(t.Context(), from.DB(), to.DB(), options().At(func(now string) error {
			if now == step {
				return trouble
			}
			return nil
		}))
		if !errors.Is(err, trouble) {
			t.Fatalf("%q: %v", step, err)
		}
		if got := strings.Join(served(t, from, to), " "); got != "old" {
			t.Errorf("after an error at %q, %q may be served", step, got)
		}
	}
	was, err := move.Undo(t.Context(), from.DB())
	if err != nil || was.Other != "new" {
		t.Errorf("undo: %+v, %v", was, err)
	}
	if err := change(t, from); err != nil {
		t.Error(err)
	}
}

// What changes, goes and comes between two passes is as it is in the old database.
func TestWhatChangesBetweenThePassesIsCopied(t *testing.T) {
	from := open(t, old(t))
	_, to := empty(t)
	merchants, err := from.Merchants(t.Context())
	if err != nil || len(merchants) == 0 {
		t.Fatal(err)
	}
	n, resting := 0, false
	step := func(now string) error {
		if resting = resting || now == "resting"; resting || now != "table alerts" {
			return nil // in the rest nothing changes any more
		}
		n++
		return from.Share(t.Context(), func(q sqldb.Querier) error {
			statements := []sqldb.Statement{
				{SQL: `UPDATE charges SET updated_at = updated_at + 1 WHERE merchant_id = $1 AND id IN (SELECT id FROM charges WHERE merchant_id = $1 ORDER BY id LIMIT 50)`, Args: []any{merchants[0].ID}},
				{SQL: `DELETE FROM sandbox_notices`},
				{SQL: `DELETE FROM delivery_attempts WHERE merchant_id = $1 AND id IN (SELECT id FROM delivery_attempts WHERE merchant_id = $1 LIMIT 3)`, Args: []any{merchants[0].ID}},
				{SQL: `INSERT INTO sign_in_tries (subject, begun_at, tries) VALUES ($1, 1, $2)`, Args: []any{refund.NewID(merchants[0].CreatedAt), int64(n)}},
				// A unique value that goes from an older row to a newer one, and back.
				{SQL: `UPDATE charges SET payment_key = NULL WHERE merchant_id = $1 AND payment_key = 'turn'`, Args: []any{merchants[0].ID}},
				{SQL: `UPDATE charges SET payment_key = 'turn' WHERE merchant_id = $1 AND id = (SELECT CASE WHEN $2 = 1 THEN MAX(id) ELSE MIN(id) END FROM charges WHERE merchant_id = $1)`, Args: []any{merchants[0].ID, int64(n % 2)}},
			}
			_, err := q.Send(t.Context(), statements)
			return err
		})
	}
	if _, err := move.Run(t.Context(), from.DB(), to.DB(), options().At(step)); err != nil {
		t.Fatal(err)
	}
	if n < 2 || !resting {
		t.Errorf("only %d passes", n)
	}
	equal(t, from, to)
	sameSchema(t, to)
}
