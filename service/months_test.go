package service

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/sqldb"
	"github.com/refundry/refundry/store/storetest"
	"github.com/refundry/refundry/store/verify"
)

// texts reads a column.
func texts(t *testing.T, s *store.Store, text string) (found []string) {
	t.Helper()
	err := s.Read(t.Context(), func(q sqldb.Querier) error {
		return q.Query(t.Context(), text, nil, func(scan func(...any) error) error {
			var one string
			err := scan(&one)
			found = append(found, one)
			return err
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// leaves are the partitions of a table and how many rows each has, "deliveries_2027_01 12".
func leaves(t *testing.T, s *Service, table string) (found []string) {
	t.Helper()
	names := texts(t, s.Store, `SELECT CAST(CAST(inhrelid AS regclass) AS TEXT) FROM pg_inherits WHERE inhparent = CAST('`+table+`' AS regclass) ORDER BY 1`)
	for _, name := range names {
		rows := texts(t, s.Store, "SELECT CAST(COUNT(*) AS TEXT) FROM "+name)
		found = append(found, name+" "+rows[0])
	}
	return found
}

func sound(t *testing.T, s *Service) {
	t.Helper()
	findings, err := verify.Run(t.Context(), s.Store.DB())
	if err != nil || len(findings) > 0 {
		t.Fatalf("%v, %v", findings, err)
	}
}

// askFor has some refunds asked for, and returns when their webhooks have come.
func askFor(t *testing.T, s *Service, charge string, received *hooks, work func()) {
	t.Helper()
	before, asked := len(received.ids()), ask(t, s, charge)
	work()
	eventually(t, "refunds are accepted and told", func() bool { return len(received.ids()) > before+20 })
	close(asked.end)
	asked.callers.Wait()
	if len(asked.refused) > 0 {
		t.Errorf("%d requests were refused", len(asked.refused))
	}
	eventually(t, "all refunds are told", func() bool {
		_, succeeded := feed(t, s)
		got := received.ids()
		return !slices.ContainsFunc(succeeded, func(id string) bool { return !slices.Contains(got, id) })
	})
}

func (h *hooks) ids() (ids []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id := range h.got {
		ids = append(ids, id)
	}
	return ids
}

func TestLargeTablesAreCutByMonthWhileTheServiceRuns(t *testing.T) {
	database, data := storetest.Postgres(t), t.TempDir()
	received := &hooks{got: make(map[string]int)}
	receiver := httptest.NewServer(received)
	defer receiver.Close()
	opts := Options{Database: database, Data: data, Demo: true, EgressAllow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	s := start(t, opts)
	const charge = `{"order_no":%q,"amount":100000000000,"currency":"CNY","channel":"wx","paid_at":"2026-11-22T10:00:00Z"}`
	for _, ask := range [][2]string{
		{"charges", fmt.Sprintf(charge, "CUT")},
		{"charges", fmt.Sprintf(charge, "LATER")},
		{"endpoints", fmt.Sprintf(`{"dialect":"native","url":%q,"events":["refund.succeeded"]}`, receiver.URL)},
	} {
		if status, answer := call(t, s, "POST", "/refundry/v1/"+ask[0], ask[1]); status != http.StatusCreated {
			t.Fatalf("%s: %d %s", ask, status, answer)
		}
	}

	now := time.Now()
	askFor(t, s, "CUT", received, func() {
		for range 2 { // the second finds nothing to do
			if err := s.Store.PartitionByMonth(t.Context(), now, nil); err != nil {
				t.Error(err)
			}
		}
	})
	sound(t, s)
	if got := leaves(t, s, "events"); len(got) < 4 || !strings.HasPrefix(got[len(got)-2], "events_before") || strings.HasSuffix(got[len(got)-2], " 0") {
		t.Fatalf("the partitions of events are %v", got)
	}
	stop(t, s)

	// Three months later rows go into their month's partition, and the next ones are there.
	later := now.AddDate(0, 3, 0)
	opts.Now = func() time.Time { return time.Now().Add(later.Sub(now)) }
	s = start(t, opts)
	cut := []string{"attempts", "transfers", "events", "deliveries", "delivery_attempts"}
	eventually(t, "the month's partitions are made", func() bool { // by a loop of the service
		return !slices.ContainsFunc(cut, func(table string) bool {
			month := table + "_" + later.UTC().Format("2006_01") + " "
			return !slices.ContainsFunc(leaves(t, s, table), func(leaf string) bool { return strings.HasPrefix(leaf, month) })
		})
	})
	askFor(t, s, "LATER", received, func() {})
	sound(t, s)
	for _, table := range cut {
		all, month := leaves(t, s, table), table+"_"+later.UTC().Format("2006_01")+" "
		if n := slices.IndexFunc(all, func(leaf string) bool { return strings.HasPrefix(leaf, month) }); n < 0 || all[n] == month+"0" {
			t.Errorf("%s has %v", table, all)
		}
		if !slices.Contains(all, table+"_other 0") || len(all) < 6 {
			t.Errorf("%s has %v", table, all)
		}
	}

	// What was sent long ago can be put away.
	for _, table := range []string{"deliveries", "delivery_attempts"} {
		if err := s.Store.DB().Maintain(t.Context(), "ALTER TABLE "+table+" DETACH PARTITION "+table+"_before"); err != nil {
			t.Fatal(err)
		}
	}
	sound(t, s)
	if status, answer := call(t, s, "GET", "/refundry/v1/deliveries", ""); status != http.StatusOK {
		t.Errorf("%d %s", status, answer)
	}
}

// A cut that was killed leaves a constraint that would refuse what comes after the bound.
func TestWhatAKilledCutHasLeftIsTakenAway(t *testing.T) {
	s := storetest.Open(t, storetest.Postgres(t))
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	const left = `SELECT conname FROM pg_constraint WHERE conname LIKE '%\_cut'`
	if err := s.DB().Maintain(t.Context(), fmt.Sprintf("ALTER TABLE events ADD CONSTRAINT events_cut CHECK (created_at < %d) NOT VALID", now.UnixMicro())); err != nil {
		t.Fatal(err)
	}
	if made, err := s.KeepMonths(t.Context(), now); made != 0 || err != nil || len(texts(t, s, left)) > 0 {
		t.Errorf("%d, %v, left %v", made, err, texts(t, s, left))
	}
	// Nor is anything left by one that fails: here a table is not what it should be.
	if err := s.DB().Maintain(t.Context(), "ALTER TABLE transfers DROP CONSTRAINT transfers_pkey"); err != nil {
		t.Fatal(err)
	}
	if err := s.DB().Maintain(t.Context(), "CREATE VIEW transfers_before AS SELECT 1 AS one"); err != nil {
		t.Fatal(err)
	}
	if err := s.PartitionByMonth(t.Context(), now, nil); err == nil {
		t.Error("a name that is taken is no fault")
	}
	if got := texts(t, s, left); len(got) > 0 {
		t.Errorf("left %v", got)
	}
}

func TestRowsThatCameBeforeTheirMonthsPartitionMoveIntoIt(t *testing.T) {
	s := storetest.Open(t, storetest.Postgres(t))
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	if err := s.PartitionByMonth(t.Context(), now, nil); err != nil {
		t.Fatal(err)
	}
	late := time.Date(2027, 6, 15, 0, 0, 0, 0, time.UTC)
	row := fmt.Sprintf(`INSERT INTO attempts (merchant_id, created_at, id, refund_id, source, epoch, outcome) VALUES ('m', %d, 'a', 're', 'submit', 1, 'done')`, late.UnixMicro())
	if err := s.DB().Maintain(t.Context(), row); err != nil {
		t.Fatal(err)
	}
	made, err := s.KeepMonths(t.Context(), late)
	if err != nil || made == 0 {
		t.Fatalf("%d, %v", made, err)
	}
	if at := texts(t, s, `SELECT CAST(CAST(tableoid AS regclass) AS TEXT) FROM attempts`); !slices.Equal(at, []string{"attempts_2027_06"}) {
		t.Errorf("the row is in %v", at)
	}
	if made, err := s.KeepMonths(t.Context(), late); made != 0 || err != nil {
		t.Errorf("again: %d, %v", made, err)
	}
}

// An index of a later version is made for each partition, also for one that is made after it.
func TestALaterVersionsIndexIsMadeForEachPartition(t *testing.T) {
	s := storetest.Open(t, storetest.Postgres(t))
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	if err := s.PartitionByMonth(t.Context(), now, nil); err != nil {
		t.Fatal(err)
	}
	migration := fstest.MapFS{"90001_later.sql": {Data: []byte(`-- +goose Up
-- +goose NO TRANSACTION
CREATE INDEX CONCURRENTLY IF NOT EXISTS attempts_code ON attempts (merchant_id, code);
ALTER TABLE attempts ADD COLUMN later TEXT NOT NULL DEFAULT '';
`)}}
	err := s.DB().Migrations(t.Context(), migration, func(provider *goose.Provider) error {
		_, err := provider.Up(t.Context())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.KeepMonths(t.Context(), now.AddDate(0, 3, 0)); err != nil {
		t.Fatal(err)
	}
	lacking := texts(t, s, `SELECT CAST(CAST(inhrelid AS regclass) AS TEXT) FROM pg_inherits h WHERE inhparent = CAST('attempts' AS regclass) AND NOT EXISTS (
		SELECT 1 FROM pg_index i JOIN pg_inherits p ON p.inhrelid = i.indexrelid WHERE i.indrelid = h.inhrelid AND i.indisvalid AND p.inhparent = CAST('attempts_code' AS regclass))`)
	if len(lacking) > 0 {
		t.Errorf("no index of %v", lacking)
	}
}
